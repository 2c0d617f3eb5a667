import { useEffect, useState } from 'react';
import './overlay.css';

/** Latency and frame rate over the picture, with ?debug=1. */
export function DebugOverlay() {
  const [text, setText] = useState('');
  useEffect(() => {
    const timer = setInterval(() => {
      const debug = window.hotseatDebug;
      if (!debug) return;
      const ms = (p: number) => debug.percentile(p)?.toFixed(0) ?? '–';
      setText(`${debug.source()} · ${debug.fps} fps · age p50 ${ms(50)} ms, p95 ${ms(95)} ms`);
    }, 500);
    return () => clearInterval(timer);
  }, []);
  return <output className="debug-overlay" data-testid="debug-overlay">{text}</output>;
}
