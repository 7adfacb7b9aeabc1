import type { Operation } from '../../protocol/client/session.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Key, NodeName } from '../../protocol/words.ts';

/** What loads are made with: a client reduced to one callback a call. */
export interface Driver {
  /** `done` is called exactly once, within a few seconds. `pinned`: only this node is asked. */
  start(operation: Operation, done: Done, pinned: NodeName | null): void;
  /** The tail of a key's chain, null while nobody knows it. */
  tailOf(key: Key): NodeName | null;
  close(): void;
}

/**
 * `failed` is null for success. `revision`: of what was read, written, or seen by a condition that did not hold; 0 = the
 * key is absent. `valueBytes`: length of what was read, -1 when the key is absent or the call was no read.
 */
export type Done = (failed: ErrorCode | null, revision: number, valueBytes: number) => void;
