/**
 * Reads of the store that take time (R42). Such a read shows, key by key, any state between its beginning and its end.
 * Whoever needs the state at one mark pins the log when the read is issued: entries above the pin stay in memory until
 * the read ends, and what they did is laid over its result. `releaseMemory` (chain.ts) respects the pins and keeps them
 * bounded: when a replica holds too much, the oldest pins break, and a read whose pin broke is asked for again.
 */
import type { Seq } from '../words.ts';
import type { Log } from './log.ts';

export interface Pin {
  /** Every entry above it stays in memory. */
  readonly above: Seq;
  /** It was let go before its read ended: the result means nothing. */
  broken: boolean;
}

/** What of a replica its pins concern. */
interface Pinned {
  readonly pins: Set<Pin>;
  readonly appliedDisk: Seq;
  readonly log: Log;
}

/**
 * For a read that shall show the state at a mark, of many keys or of one: every effect up to what is surely on disk now
 * is in its result, so those above it are laid over.
 */
export const pinEffects = (r: Pinned): Pin => pin(r, r.appliedDisk);

/** For a read of a key that has nothing in memory: whatever is done to the key from now on stays there. */
export const pinNews = (r: Pinned): Pin => pin(r, r.log.end.seq);

function pin(r: Pinned, above: Seq): Pin {
  const p = { above, broken: false };
  r.pins.add(p);
  return p;
}

/** The read ended. False when its pin broke meanwhile. */
export function unpin(r: Pinned, p: Pin): boolean {
  r.pins.delete(p);
  return !p.broken;
}

/** Nothing above it may be let go. */
export function lowestPin(r: Pinned): Seq {
  let lowest = Number.POSITIVE_INFINITY;
  for (const p of r.pins) if (p.above < lowest) lowest = p.above;
  return lowest as Seq;
}

/** Lets go of the pins that hold most: those at `above` or below. Returns how many reads that costs. */
export function breakPins(r: Pinned, above: Seq): number {
  let broken = 0;
  for (const p of r.pins) {
    if (p.above > above) continue;
    p.broken = true;
    r.pins.delete(p);
    broken++;
  }
  return broken;
}
