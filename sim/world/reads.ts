/**
 * What a read of a disk may show. It takes time, and the store promises no single instant: a key may be shown as it was
 * at any moment between the beginning and the end of the read, and each key of a scan as of another moment (R42).
 * Each function begins a read; what it returns ends it, and says what was read.
 */
import type { Entry } from '../../protocol/entry.ts';
import type { Key, Seq } from '../../protocol/words.ts';
import type { Random } from '../random.ts';
import type { SlotContent, Watch } from './content.ts';

export function beginFetch(random: Random, s: SlotContent, key: Key): () => Entry | undefined {
  const watch = beginWatch(s);
  return () => {
    s.watches.delete(watch);
    return momentOf(watch, key, s.values.get(key), random.next());
  };
}

export function beginScan(
  random: Random,
  s: SlotContent,
  after: Key | null,
  maxBytes: number,
): () => { entries: Entry[]; next: Key | null } {
  const watch = beginWatch(s);
  // As the store was when the scan began, as it is when it ends, at one moment in between, or key by key.
  const moment = random.pick([0, 0.999, random.next(), null]);
  return () => {
    s.watches.delete(watch);
    const keys = [...new Set([...s.values.keys(), ...watch.keys()])]
      .filter((key) => after === null || key > after)
      .sort();
    const entries: Entry[] = [];
    let bytes = 0;
    for (const [i, key] of keys.entries()) {
      const entry = momentOf(watch, key, s.values.get(key), moment ?? random.next());
      if (entry === undefined) continue;
      entries.push(entry);
      bytes += entry.bytes.length;
      if (bytes >= maxBytes) return { entries, next: i === keys.length - 1 ? null : key };
    }
    return { entries, next: null };
  };
}

/** A log read shows one moment, because its entries follow each other; but it may end early. */
export function beginLogRead(
  random: Random,
  s: SlotContent,
  from: Seq,
  maxBytes: number,
): () => readonly Entry[] {
  const first = random.chance(0.5) ? logFrom(s, from, maxBytes) : null;
  return () => {
    const found = first ?? logFrom(s, from, maxBytes);
    return random.chance(0.1) ? found.slice(0, 1 + random.int(found.length)) : found;
  };
}

function beginWatch(s: SlotContent): Watch {
  const watch: Watch = new Map();
  s.watches.add(watch);
  return watch;
}

/** What a key held at a moment of the read: 0 = its beginning, towards 1 its end. */
function momentOf(watch: Watch, key: Key, now: Entry | undefined, moment: number): Entry | undefined {
  const before = watch.get(key);
  if (before === undefined) return now;
  const at = Math.floor(moment * (before.length + 1));
  return at < before.length ? before[at] : now;
}

/** At least one entry if there is one, no more once `maxBytes` are reached; none when `from` is trimmed. */
function logFrom(s: SlotContent, from: Seq, maxBytes: number): Entry[] {
  const out: Entry[] = [];
  if (from <= s.start.seq) return out;
  let bytes = 0;
  for (let i = from - s.start.seq - 1; i < s.log.length && bytes < maxBytes; i++) {
    const e = s.log[i] as Entry;
    out.push(e);
    bytes += e.bytes.length;
  }
  return out;
}
