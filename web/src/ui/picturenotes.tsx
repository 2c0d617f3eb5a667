import { placeOf } from '../fold';
import type { Room } from '../room/room';
import { useStore } from '../store';

const STEPS: Record<string, string> = {
  approved: 'approved',
  closing: 'the player leaves',
  released: 'the seat is clear',
  connecting: 'connecting you',
  connected: 'connected',
};

/** What the picture has to say about itself: why there is none, or what happens next. */
export function PictureNotes({ room, seen, attached }: { room: Room; seen: boolean; attached: boolean }) {
  const broadcast = useStore(room.broadcast.view);
  const pilot = useStore(room.pilot.view);
  const state = useStore(room.state);
  const step = useStore(room.step);
  const place = placeOf(state, room.me.id);

  if (place.kind === 'arriving' || pilot.phase === 'connecting') {
    return <Banner tone="good" busy title="Getting you into the seat" text={STEPS[step] ?? ''} testid="note-connecting" />;
  }
  if (pilot.phase === 'reconnecting') {
    return <Banner busy title="Reconnecting you to the game" text={pilot.reason} testid="note-reconnecting" />;
  }
  if (pilot.phase === 'elsewhere' && place.kind === 'holding') {
    return (
      <Banner title="You are playing in another tab" testid="note-elsewhere"
        action={<button className="button small primary" onClick={() => room.pilot.playHere()}>Play here</button>} />
    );
  }
  if (pilot.phase === 'stopped') {
    return (
      <Banner title="Your stream was stopped" text={pilot.reason} testid="note-stopped"
        action={<button className="button small primary" onClick={() => room.pilot.playHere()}>Reconnect</button>} />
    );
  }
  if (pilot.phase === 'playing') {
    return attached ? (
      <p className="badge-playing" data-testid="note-playing"><span className="wide-only">You are playing · Esc frees the keyboard</span><span className="narrow-only">You are playing</span></p>
    ) : (
      <Banner tone="good" title="Click the picture to play" testid="note-click" />
    );
  }
  if (broadcast.phase === 'waiting') {
    return seen ? (
      <Banner busy title="The broadcast paused" text="It comes back by itself." testid="note-paused" />
    ) : (
      <Cover title="No picture yet" text="The game is starting, or nobody broadcasts it right now. The picture appears by itself." />
    );
  }
  if (broadcast.phase === 'stalled') {
    return <Banner busy title="The broadcast paused" text="It comes back by itself." testid="note-paused" />;
  }
  if (broadcast.phase === 'lost' || broadcast.phase === 'connecting') {
    if (!seen) return <Cover busy title="Connecting to the broadcast" />;
    return broadcast.phase === 'lost' ? <Banner busy title="Reconnecting to the broadcast" testid="note-lost" /> : null;
  }
  return null;
}

interface BannerProps {
  title: string;
  text?: string;
  tone?: 'good';
  busy?: boolean;
  action?: React.ReactNode;
  testid: string;
}

function Banner({ title, text, tone, busy, action, testid }: BannerProps) {
  return (
    <div className={`banner ${tone ?? ''}`} role="status" data-testid={testid}>
      {busy ? <span className="spinner small" aria-hidden="true" /> : null}
      <span><strong>{title}</strong>{text ? <small>{text}</small> : null}</span>
      {action}
    </div>
  );
}

function Cover({ title, text, busy }: { title: string; text?: string; busy?: boolean }) {
  return (
    <div className="cover" role="status" data-testid="note-cover">
      {busy ? <span className="spinner" aria-hidden="true" /> : null}
      <strong>{title}</strong>
      {text ? <p>{text}</p> : null}
    </div>
  );
}
