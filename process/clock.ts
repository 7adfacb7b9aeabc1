/** The clocks of this process, as the cores want them. */
import type { MonoMs, WallMs } from '../protocol/words.ts';

export interface Clock {
  now(): { readonly mono: MonoMs; readonly wall: WallMs };
}

export const systemClock: Clock = { now: () => ({ mono: performance.now(), wall: Date.now() }) };
