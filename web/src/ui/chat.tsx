import { useEffect, useLayoutEffect, useRef, useState, type FormEvent } from 'react';
import type { Entry } from '../events/entry';
import { MAX_MESSAGE, type OutgoingLine } from '../room/outbox';
import type { Room } from '../room/room';
import { sentence } from '../room/sentences';
import { useStore } from '../store';
import { Send } from './icons';
import { Avatar, hue } from './person';
import { clockTime } from './time';
import './chat.css';

/** Closer to the end than this, the list follows new lines. */
const FOLLOW_PIXELS = 60;

export function Chat({ room, readOnly }: { room: Room; readOnly: boolean }) {
  const { lines } = useStore(room.state);
  const outgoing = useStore(room.outbox.lines);
  const synced = useStore(room.synced);
  const list = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [fresh, setFresh] = useState(0);
  const newest = lines.at(-1)?.seq ?? 0;
  const read = useRef(0);

  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    if (following.current) {
      element.scrollTop = element.scrollHeight;
      read.current = newest;
      setFresh(0);
    } else {
      setFresh(lines.filter((line) => (line.seq ?? 0) > read.current).length);
    }
  }, [newest, outgoing, lines, readOnly]);

  // A phone's keyboard, a turned phone, a new notice: the end stays in view.
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      if (following.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const scrolled = () => {
    const element = list.current;
    if (!element) return;
    following.current = element.scrollHeight - element.scrollTop - element.clientHeight < FOLLOW_PIXELS;
    if (following.current) {
      read.current = newest;
      setFresh(0);
    }
  };

  const toEnd = () => {
    following.current = true;
    list.current?.scrollTo({ top: list.current.scrollHeight });
  };

  const quiet = synced && !lines.some((line) => line.action === 'USER_CHAT_MESSAGE') && outgoing.length === 0;
  return (
    <section className="chat" aria-label="Chat">
      <div className="chat-log" role="log" ref={list} onScroll={scrolled} tabIndex={0} aria-label="Messages" data-testid="chat-log">
        {lines.map((line) => <LogLine key={line.seq} line={line} me={room.me.id} />)}
        {readOnly ? null : outgoing.map((line) => <Outgoing key={line.id} line={line} room={room} />)}
        {quiet && !readOnly ? <p className="chat-quiet">Nobody said anything yet. Say what you see.</p> : null}
      </div>
      {fresh > 0 ? (
        <button className="chat-fresh" onClick={toEnd}>{fresh} new ↓</button>
      ) : null}
      {readOnly ? null : <Composer onSend={(text) => { following.current = true; room.outbox.send(text); }} />}
    </section>
  );
}

function LogLine({ line, me }: { line: Entry; me: string }) {
  if (line.action === 'USER_CHAT_MESSAGE') {
    const { actor } = line;
    return (
      <article className={actor.id === me ? 'line mine' : 'line'} data-testid="chat-line" data-seq={line.seq}>
        <Avatar person={actor} size="small" />
        <div>
          <p className="line-who">
            <span className={`person-name hue-${hue(actor.id)}`}>{actor.name}</span>
            {actor.role === 'qa-lead' ? <span className="line-role">QA lead</span> : null}
            <time dateTime={new Date(line.timestamp).toISOString()}>{clockTime(line.timestamp)}</time>
          </p>
          <p className="line-text">{line.message}</p>
        </div>
      </article>
    );
  }
  const kind = line.action === 'SEAT_TAKEN' ? ' change' : line.action === 'SESSION_MARK' ? ' mark'
    : line.action === 'HANDOVER_FAILED' || line.action === 'SESSION_STATE' ? ' trouble' : '';
  return (
    <p className={`line-system${kind}`} data-testid="system-line" data-action={line.action} data-seq={line.seq}>
      {sentence(line, me)}
    </p>
  );
}

function Outgoing({ line, room }: { line: OutgoingLine; room: Room }) {
  const refused = line.phase === 'refused';
  return (
    <article className={`line mine ${refused ? 'refused' : 'pending'}`} data-testid="chat-line" data-phase={line.phase}>
      <Avatar person={room.me} size="small" />
      <div>
        <p className="line-who">
          <span className={`person-name hue-${hue(room.me.id)}`}>{room.me.name}</span>
          {refused ? null : <span className="line-sending">sending…</span>}
        </p>
        <p className="line-text">{line.message}</p>
        {refused ? (
          <p className="line-refusal" role="alert" data-testid="chat-refusal">
            {line.reason}
            <span>
              {line.canRetry ? <button onClick={() => room.outbox.retry(line.id)}>Send again</button> : null}
              <button onClick={() => room.outbox.dismiss(line.id)}>Remove</button>
            </span>
          </p>
        ) : null}
      </div>
    </article>
  );
}

function Composer({ onSend }: { onSend: (text: string) => void }) {
  const [text, setText] = useState('');
  const left = MAX_MESSAGE - text.length;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === '') return;
    onSend(text);
    setText('');
  };
  return (
    <form className="composer" onSubmit={submit}>
      <input
        value={text}
        onChange={(event) => setText(event.target.value)}
        maxLength={MAX_MESSAGE}
        placeholder="Say something"
        aria-label="Message"
        autoComplete="off"
        enterKeyHint="send"
        data-testid="chat-input"
      />
      {left <= 60 ? <span className="composer-left">{left}</span> : null}
      <button className="button icon primary" aria-label="Send" disabled={text.trim() === ''} data-testid="chat-send"><Send /></button>
    </form>
  );
}
