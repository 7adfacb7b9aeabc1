/** A bar on stderr while something long goes on; nothing at all where stderr is no terminal. */
import type { Output } from './world.ts';

export interface Progress {
  /** `done` and `total` in any unit; total 0 = not known. `count`: records so far. */
  update(done: number, total: number, count: number): void;
  /** Takes the bar away. */
  end(): void;
}

const everyMs = 100;
const barWidth = 24;

export function progressOn(out: Output, what: string): Progress {
  if (out.isTTY !== true) return { update() {}, end() {} };
  const began = performance.now();
  let shownAt = 0;
  let first: { done: number; count: number } | null = null;
  return {
    update(done, total, count) {
      first ??= { done, count };
      const now = performance.now();
      if (now - shownAt < everyMs) return;
      shownAt = now;
      out.write(`\r${lineOf(what, { done, total, count, first, seconds: (now - began) / 1000 })}\x1b[K`);
    },
    end() {
      if (shownAt > 0) out.write('\r\x1b[K');
    },
  };
}

interface Figures {
  readonly done: number;
  readonly total: number;
  readonly count: number;
  /** Where this run began: what an earlier one did does not count for its speed. */
  readonly first: { readonly done: number; readonly count: number };
  readonly seconds: number;
}

export function lineOf(what: string, { done, total, count, first, seconds }: Figures): string {
  const perSecond = seconds > 0 ? (count - first.count) / seconds : 0;
  const speed = `${count} records, ${Math.round(perSecond)}/s`;
  if (total === 0) return `${what}  ${speed}`;
  const share = Math.min(1, done / total);
  const full = Math.round(share * barWidth);
  const bar = '█'.repeat(full) + '░'.repeat(barWidth - full);
  const left = done > first.done ? (seconds * (total - done)) / (done - first.done) : Number.NaN;
  const eta = Number.isFinite(left) && seconds > 1 ? `, ${durationOf(left)} left` : '';
  return `${what}  ${bar} ${Math.floor(share * 100)} %  ${speed}${eta}`;
}

function durationOf(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
