/**
 * Records of values that were read lately, checked once, so that a hot key costs neither LevelDB nor its checksum
 * again. Two generations: what is used moves to the young one, and when that is full the old one goes. A key is let in when it is
 * read for the second time in a while: where more keys are read than fit, keeping each of them costs more than it saves.
 */
import type { Entry } from '../protocol/entry.ts';
import type { PersistItem } from '../protocol/persist.ts';
import type { Key, Slot } from '../protocol/words.ts';

type Generation = Map<Slot, Map<Key, Uint8Array>>;

/** What one record costs beside its bytes. */
const overheadBytes = 128;
/** Keys that are remembered as read once, or fewer: two that fall on one place push each other out. */
const readOncePlaces = 65_536;

export class ValueCache {
  readonly #generationBytes: number;
  #young: Generation = new Map();
  #old: Generation = new Map();
  #youngBytes = 0;
  /** Hashes of keys that were read once. */
  readonly #readOnce = new Uint32Array(readOncePlaces);

  /** `maxBytes` for both generations together. */
  constructor(maxBytes: number) {
    this.#generationBytes = maxBytes / 2;
  }

  get(slot: Slot, key: Key): Uint8Array | undefined {
    const young = this.#young.get(slot)?.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(slot)?.get(key);
    if (old !== undefined) this.put(slot, key, old);
    return old;
  }

  /**
   * A record that was just read, and was not here: kept from the second time on. As it is: it must not be part of a larger
   * buffer that this would hold on to.
   */
  offer(slot: Slot, key: Key, record: Uint8Array): void {
    const hash = hashOf(slot, key);
    const place = hash % readOncePlaces;
    if (this.#readOnce[place] === hash) this.put(slot, key, record);
    else this.#readOnce[place] = hash;
  }

  put(slot: Slot, key: Key, record: Uint8Array): void {
    let keys = this.#young.get(slot);
    if (keys === undefined) {
      keys = new Map();
      this.#young.set(slot, keys);
    }
    const before = keys.get(key);
    keys.set(key, record);
    this.#youngBytes += record.length + (before === undefined ? overheadBytes : -before.length);
    if (this.#youngBytes < this.#generationBytes) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  /** Follows a batch that is on disk now: of keys that were read lately. A head reads a key before it writes it. */
  applied(items: readonly PersistItem[]): void {
    for (const item of items) {
      if (item.kind === 'erase') {
        this.#young.delete(item.slot);
        this.#old.delete(item.slot);
      } else if (item.kind === 'apply') this.#apply(item.slot, item.entries);
      else if (item.kind === 'repair') for (const { key } of item.records) this.#forget(item.slot, key);
    }
  }

  #apply(slot: Slot, entries: readonly Entry[]): void {
    for (const { kind, key, bytes } of entries) {
      if (kind === 'delete') this.#forget(slot, key);
      // A copy: the bytes lie in the buffer of the frame that brought them, or in Node's pool.
      else if (this.#has(slot, key)) this.put(slot, key, copyOf(bytes));
    }
  }

  /** What is here must follow every write. */
  #has(slot: Slot, key: Key): boolean {
    return this.#young.get(slot)?.has(key) === true || this.#old.get(slot)?.has(key) === true;
  }

  #forget(slot: Slot, key: Key): void {
    this.#young.get(slot)?.delete(key);
    this.#old.get(slot)?.delete(key);
  }
}

/** FNV-1a of 32 bits. Two keys of one hash do no harm: one of them is let in early. */
function hashOf(slot: Slot, key: Key): number {
  let hash = 0x811c9dc5 ^ slot;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
