/** Small batches for tests: a writer that plays the head of one slot, and assignments to go with it. */
import { type Entry, type EntryKind, makeEntry } from '../../protocol/entry.ts';
import type { Batch, PersistItem } from '../../protocol/persist.ts';
import {
  type Assignment,
  chainVersion,
  clientId,
  type Incarnation,
  key,
  nodeName,
  origin,
  type Position,
  requestNumber,
  type Slot,
  seq,
  slot,
} from '../../protocol/words.ts';

/** Makes entries as the head of one slot would, one after another. */
export class Head {
  readonly slot: Slot;
  end: Position;
  version: number;

  constructor(of: number, end: Position = origin, version = 1) {
    this.slot = slot(of);
    this.end = end;
    this.version = version;
  }

  put(name: string, value = 'value'): Entry {
    return this.#entry('put', name, value);
  }

  delete(name: string): Entry {
    return this.#entry('delete', name, '');
  }

  refuse(name: string): Entry {
    return this.#entry('refused', name, '');
  }

  puts(count: number, valueBytes = 20): Entry[] {
    return Array.from({ length: count }, () => this.put(`key-${this.end.seq % 10}`, 'x'.repeat(valueBytes)));
  }

  #entry(kind: EntryKind, name: string, value: string): Entry {
    const number = this.end.seq + 1;
    const entry = makeEntry({
      kind,
      slot: this.slot,
      version: chainVersion(this.version),
      versionBefore: this.end.version,
      seq: seq(number),
      stamp: 1_700_000_000_000 + number,
      client: clientId(77),
      number: requestNumber(number),
      floor: requestNumber(number),
      objectVersion: kind === 'put' ? 1 : 0,
      created: kind === 'put' ? 1_700_000_000_000 + number : 0,
      replaced: origin,
      refusal: kind === 'refused' ? 'CONDITION_FAILED' : null,
      key: key(name),
      value: Buffer.from(value),
    });
    this.end = { version: entry.version, seq: entry.seq };
    return entry;
  }
}

export const batch = (...items: PersistItem[]): Batch => ({ id: 1, items });

export const append = (...entries: Entry[]): PersistItem => ({
  kind: 'append',
  slot: slotOf(entries),
  entries,
});
export const apply = (...entries: Entry[]): PersistItem => ({
  kind: 'apply',
  slot: slotOf(entries),
  entries,
});
const slotOf = (entries: readonly Entry[]): Slot => entries[0]?.slot ?? slot(0);

export const drop = (of: number, to: number): PersistItem => ({ kind: 'drop', slot: slot(of), to: seq(to) });
export const erase = (of: number, start: Position): PersistItem => ({ kind: 'erase', slot: slot(of), start });
export const trim = (of: number, start: Position): PersistItem => ({ kind: 'trim', slot: slot(of), start });

export const marks = (of: number, commit: Position, complete = true): PersistItem => ({
  kind: 'marks',
  slot: slot(of),
  commit,
  passed: commit,
  promised: origin,
  complete,
});

/** A record of a session for each client, and clients whose record goes. */
export const sessions = (
  of: number,
  put: Record<number, string>,
  gone: readonly number[] = [],
  forgotten = 0,
): PersistItem => ({
  kind: 'sessions',
  slot: slot(of),
  put: Object.entries(put).map(([client, text]) => ({
    client: clientId(Number(client)),
    bytes: Buffer.from(text),
  })),
  gone: gone.map(clientId),
  forgotten: { last: seq(forgotten), stamp: forgotten },
});

export function assignment(of: number, version: number, drop = false): PersistItem {
  const member = {
    node: nodeName('node-0'),
    incarnation: 2_097_153 as Incarnation,
    address: '127.0.0.1:7000',
  };
  const what: Assignment = {
    slot: slot(of),
    version: chainVersion(version),
    members: [member],
    joiner: null,
    drop,
  };
  return { kind: 'assignment', slot: slot(of), assignment: what };
}

export const at = (version: number, sequence: number): Position => ({
  version: chainVersion(version),
  seq: seq(sequence),
});
