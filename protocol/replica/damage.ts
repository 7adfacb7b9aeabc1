/** What a replica knows of its damaged records: plain data. `repair.ts` finds copies of them. */
import type { Entry } from '../entry.ts';
import type { CompareAnswer } from '../messages.ts';
import type { ListAsk, ReadRequest, WriteRequest } from '../requests.ts';
import type { Key, MonoMs, NodeName, Seq } from '../words.ts';

import type { Pin } from './pins.ts';

/** What goes on when the record is known, or known to be nowhere. */
export type Sufferer =
  | { readonly op: 'read'; readonly tag: number; readonly request: ReadRequest; readonly until: MonoMs }
  | { readonly op: 'write'; readonly tag: number; readonly request: WriteRequest; readonly until: MonoMs }
  | { readonly op: 'list'; readonly ask: ListAsk; readonly until: MonoMs }
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
  /** Who was asked last; null: nobody can be reached. */
  asked: NodeName | null;
  /** Number of the question, the same to everybody and at each repetition. */
  round: number;
  since: MonoMs;
  /** How often it was put. */
  asks: number;
  /** Members whose copy is damaged too. */
  damaged: Set<NodeName>;
  /** Whether all others were found damaged once before: a read may fail by accident. */
  again: boolean;
  /** Members whose answer did not help; asked again when all were asked. */
  readonly tried: Set<NodeName>;
  readonly waiting: Sufferer[];
}

/** A page of own records whose predecessor was asked what it holds in the same range. */
export interface Comparing {
  readonly peer: NodeName;
  readonly installed: number;
  /** Since the own page was read: with what is in memory above it the page is known at each later mark. */
  readonly pin: Pin;
  /** Own commit mark when the page had been read. */
  readonly atLeast: Seq;
  /** Summaries of the own records as they were read. */
  readonly page: ReadonlyMap<Key, Uint8Array>;
  /** Own keys that are damaged. */
  readonly damaged: ReadonlySet<Key>;
  /** What is still to be compared: above `after`, up to `next`. */
  after: Key | null;
  readonly next: Key | null;
  round: number;
  askedAt: MonoMs;
  tries: number;
  /** The digests differed. */
  records: boolean;
  /** Came, and is of a mark that this replica has not committed yet. */
  answer: CompareAnswer | null;
  differing: number;
  /** `again`: the page is to be read anew. `skipped`: the predecessor could not say. */
  outcome: 'asking' | 'done' | 'again' | 'skipped';
}

/** All members are asked for one record, because two hold different ones. */
export interface Poll {
  readonly key: Key;
  readonly atLeast: Seq;
  /** Whether the key was written since is seen in memory. */
  readonly pin: Pin;
  /** undefined: not read yet. */
  own: Uint8Array | null | undefined;
  readonly answers: Map<NodeName, Entry | null | 'damaged'>;
  round: number;
  askedAt: MonoMs;
  tries: number;
}

/** The damage of one replica, and what it does for others'. */
export interface Damage {
  readonly repairs: Map<Key, Repair>;
  /** How many were repaired, and how often no member had a copy. */
  repaired: number;
  nowhere: number;
  /** Reads of own records under way for members that asked. */
  lending: number;
  /** The log can't be read somewhere below what is applied on disk: it is to begin behind that. */
  log: boolean;
  /** Scans in a row that could not read their range. */
  unreadable: number;
  /** The page that is being compared. */
  comparing: Comparing | null;
  readonly polls: Map<Key, Poll>;
  /** Keys whose members differ and nothing proves who is right, a bounded number. */
  readonly undecided: Set<Key>;
  /** What may go on; taken up when the node drains. */
  freed: { readonly sufferer: Sufferer; readonly state: 'found' | 'nowhere' | 'late' }[];
}

export const noDamage = (): Damage => ({
  repairs: new Map(),
  repaired: 0,
  nowhere: 0,
  lending: 0,
  log: false,
  unreadable: 0,
  comparing: null,
  polls: new Map(),
  undecided: new Set(),
  freed: [],
});
