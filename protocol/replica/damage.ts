/** What a replica knows of its damaged records: plain data. `repair.ts` finds copies of them. */
import type { Entry } from '../entry.ts';
import type { ReadRequest, WriteRequest } from '../requests.ts';
import type { Key, MonoMs, NodeName, Seq } from '../words.ts';

import type { Pin } from './pins.ts';

/** What goes on when the record is known, or known to be nowhere. */
export type Sufferer =
  | { readonly op: 'read'; readonly tag: number; readonly request: ReadRequest; readonly until: MonoMs }
  | { readonly op: 'write'; readonly tag: number; readonly request: WriteRequest; readonly until: MonoMs }
  /** A chunk of a copy, asked for anew. */
  | { readonly op: 'copy'; readonly to: NodeName; readonly after: Key | null; readonly installed: number };

/** One damaged record of one key. */
export interface Repair {
  readonly key: Key;
  /** Own commit mark when the damage was noticed: a record from a copy that is behind it proves nothing. */
  readonly atLeast: Seq;
  /** What is committed of the key meanwhile stays in memory: it is newer than what others may answer. */
  readonly pin: Pin;
  /**
   * `asking`: members are asked, one after the other. `found`: `record` is the key's value, on its way to disk.
   * `nowhere`: no other member has a copy that verifies.
   */
  state: 'asking' | 'found' | 'nowhere';
  /** null: the key is absent. */
  record: Entry | null;
  /** The batch that carries it was taken. */
  taken: boolean;
  /** Who was asked last, under which number; null: nobody can be reached. */
  asked: NodeName | null;
  round: number;
  since: MonoMs;
  /** Members whose copy is damaged too. */
  damaged: Set<NodeName>;
  /** Whether all others were found damaged once before: a read may fail by accident. */
  again: boolean;
  /** Members whose answer did not help; asked again when all were asked. */
  readonly tried: Set<NodeName>;
  readonly waiting: Sufferer[];
}

/** The damage of one replica, and what it does for others'. */
export interface Damage {
  readonly repairs: Map<Key, Repair>;
  /** Reads of own records under way for members that asked. */
  lending: number;
  /** The log can't be read somewhere below what is applied on disk: it is to begin behind that. */
  log: boolean;
  /** Scans in a row that could not read their range. */
  unreadable: number;
  /** What may go on; taken up when the node drains. */
  freed: { readonly sufferer: Sufferer; readonly state: 'found' | 'nowhere' | 'late' }[];
}

export const noDamage = (): Damage => ({
  repairs: new Map(),
  lending: 0,
  log: false,
  unreadable: 0,
  freed: [],
});
