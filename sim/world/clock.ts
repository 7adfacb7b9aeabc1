/**
 * The two clocks of one machine. The monotonic clock runs at its own rate, from an arbitrary start; it stands still
 * while the machine is suspended. The wall clock is off, and may jump.
 */
import type { MonoMs, WallMs } from '../../protocol/words.ts';
import type { Schedule } from './schedule.ts';

export interface Clock {
  mono(): MonoMs;
  wall(): WallMs;
  /** Real time that passes while the monotonic clock counts `ms`. */
  realTime(ms: number): number;
  /** The wall clock is now off by this much. */
  setWallOffset(ms: number): void;
  /** The machine slept: the monotonic clock did not count these milliseconds. */
  slept(ms: number): void;
}

/** What a wall clock that is right shows when a run begins. */
export const epochStart: WallMs = 1_700_000_000_000;

export function createClock(
  schedule: Schedule,
  options: { rate: number; start: number; wallOffset: number },
): Clock {
  const { rate } = options;
  let start = options.start;
  let wallOffset = options.wallOffset;
  return {
    mono: () => start + schedule.now * rate,
    wall: () => Math.floor(epochStart + schedule.now + wallOffset),
    realTime: (ms) => ms / rate,
    setWallOffset(ms) {
      wallOffset = ms;
    },
    slept(ms) {
      start -= ms * rate;
    },
  };
}
