import type { Key, Slot } from './words.ts';

/**
 * The part of a key that decides its slot: what stands in the first `{...}` that is not empty, else the whole key.
 * Related keys share a slot when they share a tag (the convention of Redis Cluster).
 */
export function hashTag(key: Key): string {
  const open = key.indexOf('{');
  if (open < 0) return key;
  const close = key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

export const slotOf = (key: Key, slots: number): Slot => (murmur3(hashTag(key)) % slots) as Slot;

/** MurmurHash3 x86 32 bit, seed 0 (Appleby, public domain), over a byte string. */
export function murmur3(bytes: string): number {
  let h = 0;
  const whole = bytes.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const k =
      bytes.charCodeAt(i) |
      (bytes.charCodeAt(i + 1) << 8) |
      (bytes.charCodeAt(i + 2) << 16) |
      (bytes.charCodeAt(i + 3) << 24);
    h ^= scramble(k);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = bytes.length - 1; i >= whole; i--) rest = (rest << 8) | bytes.charCodeAt(i);
  if (bytes.length > whole) h ^= scramble(rest);
  h ^= bytes.length;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return h >>> 0;
}

function scramble(k: number): number {
  const m = Math.imul(k, 0xcc9e2d51);
  return Math.imul((m << 15) | (m >>> 17), 0x1b873593);
}
