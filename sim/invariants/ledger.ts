/**
 * What really happened to each slot, seen from outside: which entry stands at which position, what is committed, which
 * version is in force, and whose stores hold everything. No process of the cluster knows as much.
 */
import type { Entry } from '../../protocol/entry.ts';
import { changesKey, storesValue } from '../../protocol/entry.ts';
import { formatPosition, type Key, type Position, type Slot } from '../../protocol/words.ts';

export interface SlotLedger {
  readonly slot: Slot;
  /** Every entry that was ever put on a disk, by position. */
  readonly entries: Map<number, Entry>;
  /** Committed entries; index 0 holds sequence 1. */
  readonly committed: Entry[];
  /** The highest version that a store which holds everything has installed (rule 4.1). */
  effective: number;
  /** Stores, by id, that hold everything committed and may carry the chain on. */
  readonly serving: Set<string>;
  /** Values of the committed prefix, by key. */
  readonly values: Map<Key, Entry>;
  /** Sequence at which each request took effect, by client and number. */
  readonly requests: Map<string, number>;
}

export function createSlotLedger(slot: Slot): SlotLedger {
  return {
    slot,
    entries: new Map(),
    committed: [],
    effective: 0,
    serving: new Set(),
    values: new Map(),
    requests: new Map(),
  };
}

export const placeOf = (p: Position): number => p.version * 4294967296 + p.seq;

/** Notes an entry that goes to a disk. Returns what is wrong: two entries must never share a position (R3, P13). */
export function noteEntry(ledger: SlotLedger, entry: Entry): string {
  const place = placeOf(entry);
  const known = ledger.entries.get(place);
  if (known === undefined) ledger.entries.set(place, entry);
  else if (known.bytes !== entry.bytes && Buffer.compare(known.bytes, entry.bytes) !== 0)
    return `two entries at position ${formatPosition(entry)}: ${nameOf(known)} and ${nameOf(entry)}`;
  return '';
}

/** Adds a committed entry. Returns what is wrong: committed prefixes agree (I3), each request takes effect once (I4). */
export function noteCommitted(ledger: SlotLedger, seq: number, entry: Entry): string {
  const known = ledger.committed[seq - 1];
  if (known !== undefined)
    return known.version === entry.version
      ? ''
      : `I3: ${formatPosition(entry)} (${nameOf(entry)}) is committed where ${formatPosition(known)} (${nameOf(known)}) already was`;
  if (seq !== ledger.committed.length + 1)
    return `I3: ${formatPosition(entry)} is committed, but ${ledger.committed.length} entries were committed before it`;
  const last = ledger.committed[ledger.committed.length - 1];
  ledger.committed.push(entry);
  if (last !== undefined && entry.stamp < last.stamp)
    return `I3: the stamp of ${formatPosition(entry)} lies before that of ${formatPosition(last)} (2.9)`;
  if (changesKey(entry)) {
    const replaced = ledger.values.get(entry.key);
    const told = entry.replaced.seq === 0 ? 'nothing' : formatPosition(entry.replaced);
    const real = replaced === undefined ? 'nothing' : formatPosition(replaced);
    if (told !== real)
      return `I3: ${formatPosition(entry)} says that it replaced ${told}, but it replaced ${real}`;
    if (storesValue(entry)) ledger.values.set(entry.key, entry);
    else ledger.values.delete(entry.key);
  }
  const request = `${entry.client}/${entry.number}`;
  const before = ledger.requests.get(request);
  if (before !== undefined)
    return `I4: request ${request} took effect at sequence ${before} and again at ${seq}`;
  ledger.requests.set(request, seq);
  return '';
}

export const nameOf = (e: Entry): string => `${e.kind} ${e.key} by ${e.client}/${e.number}`;
