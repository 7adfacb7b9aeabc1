/**
 * Where coordinators keep what must outlive them: two objects with compare-and-swap (protocol.md section 6). The lease
 * elects; the state carries every decision and fences by its epoch. `state-store.contract.ts` says what every
 * implementation must do.
 */
import type { StoredObject } from '../../protocol/coordinator/contract.ts';

export interface Stored {
  /** null = never written, or, with a tag, emptied by a stranger. It may be anything that a stranger put there. */
  readonly value: string | null;
  /** Names this very content; null = the object was never written. */
  readonly tag: string | null;
}

export type Written =
  | { readonly kind: 'written'; readonly tag: string }
  /** The object is not the expected one; it was not changed. */
  | { readonly kind: 'conflict' };

export interface StateStore {
  /** What each object is called, and where it lies, for people. */
  readonly names: Readonly<Record<StoredObject, string>>;
  /** Never older than what was written before the call. Rejects when it cannot be read. */
  read(object: StoredObject): Promise<Stored>;
  /**
   * Replaces the object if its tag is `expect` (null = it must not exist). Resolves when it is durable. A rejection
   * says nothing: it may have been written, or may still be (R31).
   */
  write(object: StoredObject, value: string, expect: string | null): Promise<Written>;
  close(): Promise<void>;
}
