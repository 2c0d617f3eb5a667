import { REACTIONS, type Reaction } from '../events/entry';
import { ReactionIcon } from './icons';
import './reactions.css';

const NAMES: Record<Reaction, string> = {
  like: 'Like', fire: 'Fire', star: 'Star', laugh: 'Laugh', clap: 'Clap', wow: 'Wow',
};

export function Reactions({ onReact }: { onReact: (kind: Reaction) => void }) {
  return (
    <div className="reactions" role="group" aria-label="React">
      {REACTIONS.map((kind) => (
        <button key={kind} onClick={() => onReact(kind)} aria-label={NAMES[kind]} title={NAMES[kind]} data-testid={`react-${kind}`}>
          <ReactionIcon kind={kind} />
        </button>
      ))}
    </div>
  );
}
