/** Short notes that go by themselves. */
import { Store } from '../store';

export interface Toast {
  readonly id: number;
  readonly tone: 'plain' | 'good' | 'bad';
  readonly text: string;
}

const LIFE_MS = 5000;
/** Bad news takes longer to read. */
const BAD_LIFE_MS = 8000;
const MAX_TOASTS = 3;

export class Toasts {
  readonly list = new Store<readonly Toast[]>([]);
  private nextId = 1;

  show(text: string, tone: Toast['tone'] = 'plain'): void {
    const id = this.nextId++;
    this.list.update((list) => [...list.filter((toast) => toast.text !== text), { id, tone, text }].slice(-MAX_TOASTS));
    setTimeout(() => this.dismiss(id), tone === 'bad' ? BAD_LIFE_MS : LIFE_MS);
  }

  dismiss(id: number): void {
    this.list.update((list) => list.filter((toast) => toast.id !== id));
  }
}
