import type { Clock } from './clock.ts';

/** For tests: time that passes only when told to. The wall clock can be stepped on its own. */
export class ManualClock implements Clock {
  #nowMs = 1_000;
  #wallOffsetMs = Date.parse('2026-01-01T00:00:00Z');
  readonly #timers = new Set<{ due: number; fn: () => void }>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { due: this.#nowMs + ms, fn };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** Lets `ms` pass, running due timers in order and giving promises a turn after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    for (;;) {
      await settle();
      const next = [...this.#timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.due);
      next.fn();
    }
    this.#nowMs = end;
    await settle();
  }

  /** Time passes but no timer fires: what a frozen process sees when it wakes up. */
  freeze(ms: number): void {
    this.#nowMs += ms;
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
