/**
 * The event loop of one process. What arrives waits for the process's turn; a busy process takes several events in
 * one turn, a frozen one takes all that queued up when it wakes, a dead one nothing.
 */
import type { Random } from '../random.ts';
import type { Schedule } from './schedule.ts';

export interface Loop<Event> {
  readonly alive: boolean;
  readonly frozen: boolean;
  deliver(event: Event): void;
  freeze(): void;
  thaw(): void;
  kill(): void;
  /** From now on a turn begins up to this many ms after something arrived; 0 = at once. */
  setLag(ms: number): void;
}

export function createLoop<Event>(
  schedule: Schedule,
  random: Random,
  turn: (events: readonly Event[]) => void,
): Loop<Event> {
  let inbox: Event[] = [];
  let alive = true;
  let frozen = false;
  let running = false;
  let planned = false;
  let lag = 0;

  function run(): void {
    planned = false;
    if (running) return;
    running = true;
    while (alive && !frozen && inbox.length > 0) {
      const events = inbox;
      inbox = [];
      turn(events);
    }
    running = false;
  }

  function wake(): void {
    if (frozen || running || planned) return;
    if (lag === 0) return run();
    planned = true;
    schedule.after(random.next() * lag, run);
  }

  return {
    get alive() {
      return alive;
    },
    get frozen() {
      return frozen;
    },
    deliver(event) {
      if (!alive) return;
      inbox.push(event);
      wake();
    },
    freeze() {
      frozen = true;
    },
    thaw() {
      frozen = false;
      if (inbox.length > 0) wake();
    },
    kill() {
      alive = false;
      inbox = [];
    },
    setLag(ms) {
      lag = ms;
    },
  };
}
