/** A call under way, as the caller keeps it. */
import type { Call, Operation } from '../protocol/client/session.ts';
import type { Entry } from '../protocol/entry.ts';
import type { ReadReply, Request, WriteReply } from '../protocol/requests.ts';
import type { NodeName } from '../protocol/words.ts';
import type { NodeLink } from './node-links.ts';

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Ask this node and no other; it does not pass the request on. */
  readonly node: NodeName | null;
}

/** An answered read: its entry was verified from the head's checksum to here. Null: the key is absent. */
export interface ReadAnswer {
  readonly kind: 'read';
  readonly entry: Entry | null;
  readonly at: ReadReply['at'];
}

/** A call under way. It has a new id at each attempt, so that a late answer to an earlier one is not taken for this. */
export interface Pending {
  readonly operation: Operation;
  readonly options: CallOptions;
  readonly deadline: number;
  readonly resolve: (answer: ReadAnswer | WriteReply) => void;
  readonly reject: (why: unknown) => void;
  onAbort: (() => void) | null;
  /** Null while it waits until the session has room. */
  call: Call | null;
  id: number;
  /** Where it was sent; null while it waits. */
  link: NodeLink | null;
  /** The request that waits for a link's first attempt to connect. */
  unsent: Request | null;
  /** When to do something about it. */
  due: number;
  entry: Entry | null;
}
