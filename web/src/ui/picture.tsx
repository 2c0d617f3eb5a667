import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';
import { installDebug, wantsDebug } from '../debug/debug';
import { DebugOverlay } from '../debug/overlay';
import { createInput, type GameInput } from '../input';
import { isTextField } from '../input/controls';
import type { Room } from '../room/room';
import { useStore } from '../store';
import { Floats } from './floats';
import { Expand, Lock, Shrink, SoundOff, SoundOn } from './icons';
import { PictureNotes } from './picturenotes';
import { TouchPad } from './touchpad';
import './picture.css';

/**
 * The game on screen. Two videos lie on top of each other: the broadcast, and the player's
 * own stream, which comes to the front with its first decoded frame. A canvas holds the
 * last frame over the moments in which neither has one, so the picture is never black.
 */
export function Picture({ room }: { room: Room }) {
  const broadcast = useStore(room.broadcast.view);
  const pilot = useStore(room.pilot.view);
  const frame = useRef<HTMLDivElement>(null);
  const broadcastVideo = useRef<HTMLVideoElement>(null);
  const gameVideo = useRef<HTMLVideoElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const input = useRef<GameInput | null>(null);
  const frozenNow = useRef(false);
  const [frozen, setFrozen] = useState(false);
  const [seen, setSeen] = useState(false);
  const [muted, setMuted] = useState(true);
  const [attached, setAttached] = useState(false);
  const full = useFullscreen(frame);
  const playing = pilot.phase === 'playing';
  const game = pilot.stream;

  const freeze = useCallback((video: HTMLVideoElement | null) => {
    const canvas = still.current;
    // What is frozen already is what was seen last.
    if (frozenNow.current || !video || !canvas || video.videoWidth === 0 || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext('2d')?.drawImage(video, 0, 0);
    frozenNow.current = true;
    setFrozen(true);
  }, []);

  const thaw = useCallback(() => {
    frozenNow.current = false;
    setFrozen(false);
  }, []);

  useEffect(() => {
    room.onLeaving = () => freeze(gameVideo.current);
    return () => {
      room.onLeaving = () => undefined;
    };
  }, [room, freeze]);

  // A new subscription: the last frame stays until the first new one.
  useEffect(() => {
    const video = broadcastVideo.current;
    if (!video || !broadcast.stream) return;
    if (room.pilot.view.get().phase !== 'playing') freeze(video);
    return onFirstFrame(video, broadcast.stream, () => {
      thaw();
      setSeen(true);
    });
  }, [broadcast.stream, room, freeze, thaw]);

  useEffect(() => {
    const video = gameVideo.current;
    if (!video || !game) return;
    return onFirstFrame(video, game.stream, () => {
      thaw();
      room.pilot.firstFrame(game);
    });
  }, [game, room, thaw]);

  useEffect(() => {
    for (const video of [broadcastVideo.current, gameVideo.current]) if (video) video.muted = muted;
  }, [muted]);

  // Input works as soon as its channel is open, some frames before the player's own picture:
  // until then the broadcast shows what the keys do.
  useEffect(() => {
    const element = frame.current;
    if (!game || !element) return;
    const created = createInput({
      channel: game.input,
      picture: element,
      game: () => room.state.get(),
      onDetach: () => setAttached(false),
    });
    input.current = created;
    // Whoever is writing a line finishes it; everybody else can play at once.
    const active = document.activeElement;
    const writing = isTextField(active) && (active as HTMLInputElement).value !== '';
    if (!writing) {
      created.attach();
      setAttached(true);
      element.focus({ preventScroll: true });
    }
    return () => {
      input.current = null;
      created.close();
      setAttached(false);
    };
  }, [game, room]);

  useEffect(() => {
    if (!wantsDebug()) return;
    return installDebug({
      video: () => (room.pilot.view.get().phase === 'playing' ? gameVideo.current : broadcastVideo.current),
      source: () => (room.pilot.view.get().phase === 'playing' ? 'game' : 'broadcast'),
      peer: () => room.pilot.view.get().stream?.peer ?? room.broadcast.peer,
      state: () => ({
        log: room.state.get(),
        link: room.link.get(),
        pilot: { phase: room.pilot.view.get().phase, reason: room.pilot.view.get().reason },
        broadcast: room.broadcast.view.get().phase,
        lastSeq: room.lastSeq,
      }),
    });
  }, [room]);

  const attach = () => {
    if (!input.current || input.current.attached) return;
    input.current.attach();
    setAttached(true);
    frame.current?.focus({ preventScroll: true });
  };

  return (
    <>
      <div
        ref={frame}
        className={`picture${attached ? ' attached' : ''}${playing ? ' playing' : ''}`}
        tabIndex={0}
        role="group"
        aria-label={playing ? 'The game. Press Enter to play, Escape to leave the keyboard.' : 'The game'}
        data-testid="picture"
        data-source={playing ? 'game' : 'broadcast'}
        data-attached={attached}
        data-picture={playing ? 'live' : broadcast.phase}
        onClick={attach}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && event.target === frame.current && playing && !attached) {
            event.preventDefault();
            attach();
          }
        }}
      >
        <video ref={broadcastVideo} className="picture-video broadcast" autoPlay muted playsInline disablePictureInPicture
          data-testid={playing ? 'video-standby' : 'video'} />
        <video ref={gameVideo} className="picture-video game" autoPlay muted playsInline disablePictureInPicture
          data-testid={playing ? 'video' : 'video-standby'} />
        <canvas ref={still} className="picture-video still" hidden={!frozen} aria-hidden="true" />
        <Floats room={room} />
        <PictureNotes room={room} seen={seen || frozen} attached={attached} />
        {wantsDebug() ? <DebugOverlay /> : null}
        <div className="picture-buttons">
          <button className={muted ? 'glass wide' : 'glass'} onClick={() => setMuted(!muted)} aria-pressed={!muted} data-testid="mute">
            {muted ? <><SoundOff /> Unmute</> : <><SoundOn /><span className="unseen">Mute</span></>}
          </button>
          {playing ? (
            <button className="glass pointer-only" data-input-pad title="Send Escape to the game" data-testid="send-escape"
              onClick={() => { input.current?.key('Escape', true); input.current?.key('Escape', false); }}>
              Esc<span className="unseen"> to the game</span>
            </button>
          ) : null}
          {full.active && playing ? (
            <button className="glass" data-testid="pointer-lock" title="Lock the pointer (Escape frees it)"
              onClick={() => { attach(); void frame.current?.requestPointerLock(); }}>
              <Lock /><span className="unseen">Lock the pointer</span>
            </button>
          ) : null}
          <button className="glass" onClick={full.toggle} data-testid="fullscreen">
            {full.active ? <Shrink /> : <Expand />}<span className="unseen">{full.active ? 'Leave full screen' : 'Full screen'}</span>
          </button>
        </div>
      </div>
      {playing ? <TouchPad onKey={(code, down) => { attach(); input.current?.key(code, down); }} /> : null}
    </>
  );
}

/** Shows the stream and calls back once with its first frame. */
function onFirstFrame(video: HTMLVideoElement, stream: MediaStream, callback: () => void): () => void {
  let done = false;
  const once = () => {
    if (done || video.srcObject !== stream || video.videoWidth === 0) return;
    done = true;
    callback();
  };
  video.srcObject = stream;
  video.addEventListener('loadeddata', once);
  const handle = video.requestVideoFrameCallback(once);
  video.play().catch(() => {
    // Sound is only allowed after a click somewhere on the page; the picture always is.
    video.muted = true;
    video.play().catch(() => undefined);
  });
  return () => {
    done = true;
    video.removeEventListener('loadeddata', once);
    video.cancelVideoFrameCallback(handle);
  };
}

function useFullscreen(element: RefObject<HTMLElement | null>): { active: boolean; toggle: () => void } {
  const [active, setActive] = useState(false);
  useEffect(() => {
    const changed = () => setActive(document.fullscreenElement !== null);
    document.addEventListener('fullscreenchange', changed);
    return () => document.removeEventListener('fullscreenchange', changed);
  }, []);
  const toggle = () => {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void element.current?.requestFullscreen?.().catch(() => undefined);
  };
  return { active, toggle };
}
