import { useEffect, useState } from 'react';
import type { Signed } from '../app';
import { Room } from '../room/room';
import { useStore } from '../store';
import { Chat } from './chat';
import { Header } from './header';
import { Clock, Eye } from './icons';
import { Pill } from './lobby';
import { Loading, Message, Unreachable } from './pages';
import { Picture } from './picture';
import { Reactions } from './reactions';
import { Link } from './route';
import { SeatPanel } from './seat';
import { duration, useNow } from './time';
import { ToastList } from './toasts';
import './session.css';

/** One session: /s/<id>. */
export function SessionPage({ signed, id }: { signed: Signed; id: string }) {
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    const { me, api, config, account } = signed;
    const next = new Room({ id, me, api, config, credential: (fresh) => account.credential(fresh) });
    next.start();
    setRoom(next);
    return () => next.stop();
  }, [signed.account, signed.me.id, id]);
  return room ? <RoomView key={id} signed={signed} room={room} /> : <Loading />;
}

function RoomView({ signed, room }: { signed: Signed; room: Room }) {
  const phase = useStore(room.phase);
  const state = useStore(room.state);
  const session = useStore(room.session);
  const announcement = useStore(room.announcement);
  const title = state.title || session?.title || 'Playtest';

  useEffect(() => {
    document.title = `${title} · Hotseat`;
  }, [title]);

  if (phase === 'missing') {
    return (
      <>
        <Header signed={signed} />
        <Message title="This playtest does not exist" action={<Link className="button primary" to="/">To the lobby</Link>}>
          It may have been removed, or the address has a typing mistake.
        </Message>
      </>
    );
  }
  if (phase === 'loading') return <><Header signed={signed} /><Loading /></>;
  if (phase === 'unreachable' && !session) return <><Header signed={signed} /><Unreachable /></>;

  const ended = state.ended !== null || session?.endedAt != null;
  return (
    <div className="room">
      <Header signed={signed}>
        <h1 className="room-title">{title}</h1>
        <Facts room={room} />
      </Header>
      <LinkNotice room={room} />
      <main className={ended ? 'room-main ended' : 'room-main'}>
        {ended ? (
          <Message
            title="This playtest has ended"
            action={<Link className="button primary" to="/">To the lobby</Link>}
          >
            {state.ended?.reason ? `${state.ended.reason}. ` : ''}The conversation stays here to read.
          </Message>
        ) : (
          <div className="room-stage">
            <Picture room={room} />
            <Reactions onReact={(kind) => room.react(kind)} />
          </div>
        )}
        <aside className="room-side">
          {ended ? null : <SeatPanel room={room} onEnd={() => void room.end()} />}
          <Chat room={room} readOnly={ended} />
        </aside>
      </main>
      <ToastList toasts={room.toasts} />
      <p className="unseen" aria-live="polite" data-testid="announcer">{announcement}</p>
    </div>
  );
}

function Facts({ room }: { room: Room }) {
  const watching = useStore(room.presence.watching);
  const state = useStore(room.state);
  const broadcast = useStore(room.broadcast.view);
  const session = useStore(room.session);
  const pilot = useStore(room.pilot.view);
  const now = useNow(room.now, 1000);
  if (state.ended) return <span className="pill">Ended</span>;
  const known = broadcast.phase === 'connecting' || broadcast.phase === 'off' ? session?.published === true : broadcast.phase !== 'waiting';
  const published = known || pilot.phase === 'playing';
  const left = state.endsAt === null ? null : state.endsAt - now;
  return (
    <div className="facts">
      <Pill session={{ status: state.status || session?.status || '', endedAt: null, published }} />
      <span className="fact" title="Watching now"><Eye /><span data-testid="watching">{watching}</span><span className="unseen"> watching</span></span>
      {left === null ? null : (
        <span className={left < 300_000 ? 'fact soon' : 'fact'} title="Time left"><Clock />{duration(left)}<span className="unseen"> left</span></span>
      )}
    </div>
  );
}

/** Says so when live events do not come; nothing else on the page stops working. */
function LinkNotice({ room }: { room: Room }) {
  const link = useStore(room.link);
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (link !== 'lost') return;
    // Most reconnections are quicker than anybody could read.
    const timer = setTimeout(() => setLate(true), 1500);
    return () => clearTimeout(timer);
  }, [link]);
  if (link === 'refused') {
    return (
      <p className="link-notice" role="alert" data-testid="link-refused">
        You are not let in any more, so nothing new arrives here. Sign out and in again, or ask your QA lead.
      </p>
    );
  }
  if (!late) return null;
  return (
    <p className="link-notice" role="status" data-testid="link-lost">
      Connection lost. Reconnecting; what you miss will be filled in.
    </p>
  );
}
