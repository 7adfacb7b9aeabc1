/**
 * Virtual time: what happens next is whatever is due first, and of two things due at the same instant the one that
 * was planned first. Nothing in a simulated run waits for a real clock.
 */
export interface Schedule {
  /** Milliseconds since the run began. */
  readonly now: number;
  readonly pending: number;
  at(time: number, run: () => void): void;
  after(ms: number, run: () => void): void;
  /** Does the next thing; false when nothing is left. */
  step(): boolean;
}

export function createSchedule(): Schedule {
  // A binary heap in three arrays: objects for each event would be most of the garbage of a run.
  const times: number[] = [];
  const orders: number[] = [];
  const runs: (() => void)[] = [];
  let now = 0;
  let order = 0;

  const before = (i: number, time: number, o: number): boolean => {
    const t = times[i] as number;
    return t < time || (t === time && (orders[i] as number) < o);
  };
  const put = (i: number, time: number, o: number, run: () => void): void => {
    times[i] = time;
    orders[i] = o;
    runs[i] = run;
  };
  const move = (from: number, to: number): void =>
    put(to, times[from] as number, orders[from] as number, runs[from] as () => void);

  function at(time: number, run: () => void): void {
    const due = time < now ? now : time;
    order++;
    let i = times.length;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (before(parent, due, order)) break;
      move(parent, i);
      i = parent;
    }
    put(i, due, order, run);
  }

  function takeFirst(): () => void {
    const first = runs[0] as () => void;
    now = times[0] as number;
    const time = times.pop() as number;
    const o = orders.pop() as number;
    const run = runs.pop() as () => void;
    const size = times.length;
    if (size > 0) sink(size, time, o, run);
    return first;
  }

  function sink(size: number, time: number, o: number, run: () => void): void {
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && before(child + 1, times[child] as number, orders[child] as number)) child++;
      if (!before(child, time, o)) break;
      move(child, i);
      i = child;
    }
    put(i, time, o, run);
  }

  return {
    get now() {
      return now;
    },
    get pending() {
      return times.length;
    },
    at,
    after: (ms, run) => at(now + ms, run),
    step() {
      if (times.length === 0) return false;
      takeFirst()();
      return true;
    },
  };
}
