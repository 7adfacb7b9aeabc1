/** Time as a parameter: everything in the runtime that waits or measures takes a Clock, so that tests own time. */
export interface Clock {
  /** Milliseconds on a clock that never steps. Only differences mean something. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for time stamps that people read; never for decisions about leases. */
  wallMs(): number;
  /** Calls `fn` once after `ms`; the returned function cancels it. */
  after(ms: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or at once when `stop` is aborted: callers look at `stop` afterwards. Never rejects. */
export function sleep(clock: Clock, ms: number, stop?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop?.aborted === true) return resolve();
    const finish = () => {
      cancel();
      stop?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(ms, finish);
    stop?.addEventListener('abort', finish);
  });
}

/** A number between 0 and 1, handed in so that jitter is reproducible in tests. */
export type Random = () => number;

/** Exponential backoff with full jitter on its upper half: between half of and the whole of min(base * 2^n, max). */
export function backoffMs(attempt: number, baseMs: number, maxMs: number, random: Random): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
  return ceiling / 2 + (ceiling / 2) * random();
}
