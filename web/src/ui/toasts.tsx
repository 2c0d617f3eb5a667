import type { Toasts } from '../room/toasts';
import { useStore } from '../store';
import { Cross } from './icons';
import './toasts.css';

export function ToastList({ toasts }: { toasts: Toasts }) {
  const list = useStore(toasts.list);
  return (
    <div className="toasts" role="status">
      {list.map(({ id, tone, text }) => (
        <div key={id} className={`toast ${tone}`} data-testid="toast" data-tone={tone}>
          <span>{text}</span>
          <button onClick={() => toasts.dismiss(id)} aria-label="Dismiss"><Cross /></button>
        </div>
      ))}
    </div>
  );
}
