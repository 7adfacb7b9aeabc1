/** What a store says after one bit of one of its files was turned over, against what it said before. */
import { openStore } from '../../node/store/open.ts';
import { type Found, type Opened, StoreError } from '../../node/store/store.ts';
import type { BootSlot } from '../../protocol/persist.ts';
import { slotOf } from '../../protocol/slots.ts';
import { key } from '../../protocol/words.ts';
import { slots } from './folders.ts';

/** `same`: nothing that is ever read was hit. `told`: it opens, and says that something is missing or damaged. */
export type Kind = 'same' | 'told' | 'refused' | 'lost' | 'wrong';

export interface Look {
  readonly kind: Kind;
  /** What it said, or what is wrong. */
  readonly what: string;
}

export interface Sight {
  readonly store: string;
  readonly identity: string;
  readonly slots: ReadonlyMap<number, BootSlot>;
  readonly values: ReadonlyMap<string, Found>;
  readonly droppedBytes: number;
}

/** @throws StoreError */
export async function see(folder: string, keys: Iterable<string>): Promise<Sight> {
  const opened = await openStore({
    folder,
    clusterName: 'test',
    lockWaitMs: 0,
    cacheBytes: 1_048_576,
    retention: { bytes: 1_048_576, ageMs: 3_600_000 },
  });
  try {
    return await sightOf(opened, keys);
  } finally {
    await opened.store.close();
  }
}

async function sightOf({ store, boot, recovery }: Opened, keys: Iterable<string>): Promise<Sight> {
  const values = new Map<string, Found>();
  for (const each of keys) values.set(each, store.get(slotOf(key(each), slots), key(each)));
  return {
    store: boot.store,
    identity: JSON.stringify(boot.identity),
    slots: new Map(boot.slots.map((slot) => [slot.slot, slot])),
    values,
    droppedBytes: recovery.droppedBytes,
  };
}

export async function look(folder: string, truth: Sight): Promise<Look> {
  let seen: Sight;
  try {
    seen = await see(folder, truth.values.keys());
  } catch (error) {
    if (!(error instanceof StoreError))
      return { kind: 'wrong', what: `no sentence: ${(error as Error).stack}` };
    return error.message.includes(folder)
      ? { kind: 'refused', what: `${error.code}: ${error.message}` }
      : { kind: 'wrong', what: `the sentence does not say where: ${error.message}` };
  }
  return compare(seen, truth);
}

function compare(seen: Sight, truth: Sight): Look {
  if (seen.store !== truth.store) return { kind: 'wrong', what: `it takes itself for store ${seen.store}` };
  let told = seen.droppedBytes > 0 ? `${seen.droppedBytes} bytes were dropped` : '';
  const missing: string[] = [];
  if (seen.identity !== truth.identity) missing.push(`an older identity ${seen.identity}`);
  for (const [slot, was] of truth.slots) {
    const is = seen.slots.get(slot);
    if (is === undefined) {
      missing.push(`slot ${slot}`);
      continue;
    }
    const wrong = wrongLog(is, was);
    if (wrong !== '') return { kind: 'wrong', what: `slot ${slot}: ${wrong}` };
    if (marksOf(is) !== marksOf(was) || is.log.length < was.log.length)
      missing.push(`slot ${slot} ends at ${is.log.at(-1)?.seq ?? 0} instead of ${was.log.at(-1)?.seq ?? 0}`);
  }
  for (const [each, was] of truth.values) {
    const is = seen.values.get(each) ?? null;
    if (is === 'corrupt') told ||= `${each} is damaged`;
    else if (!isSame(is, was)) missing.push(`${each} is ${is === null ? 'absent' : 'another value'}`);
  }
  if (missing.length === 0) return told === '' ? { kind: 'same', what: '' } : { kind: 'told', what: told };
  if (seen.droppedBytes > 0) return { kind: 'told', what: told };
  return { kind: 'lost', what: missing.slice(0, 3).join(', ') };
}

/** An entry that never was, or one that is missing between others. */
function wrongLog(is: BootSlot, was: BootSlot): string {
  const known = new Map(was.log.map((entry) => [entry.seq, entry.bytes]));
  for (const { seq, bytes } of is.log)
    if (known.has(seq) && !isSame(bytes, known.get(seq) ?? null)) return `entry ${seq} has other bytes`;
    else if (!known.has(seq) && seq > (was.log.at(-1)?.seq ?? 0)) return `entry ${seq} never was`;
  return '';
}

const marksOf = ({ marks, version, start, assignment }: BootSlot): string =>
  JSON.stringify([marks.commit, marks.passed, marks.promised, marks.complete, version, start, assignment]);

const isSame = (a: Found, b: Found): boolean =>
  a === b || (a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0);
