/**
 * The keys of the LevelDB of a store. Numbers in keys are big-endian, so that key order is their order:
 *   log/  u64 record number
 *   meta/ one word, for a slot followed by / and five digits
 *   ses/  u16 slot, u32 generation, u64 client
 *   val/  u16 slot, u32 generation, key bytes
 * A slot's generation counts its erasures: erasing is one small write, the old values go later.
 */
import type { ClientId, Key, Slot } from '../../protocol/words.ts';

const valuePrefixBytes = 10;
/** Where the key itself begins in a value's database key. */
export const valueKeyOffset = valuePrefixBytes;

export function logKey(record: number): Buffer {
  const b = Buffer.allocUnsafe(12);
  b.write('log/', 0, 'latin1');
  b.writeBigUInt64BE(BigInt(record), 4);
  return b;
}

export const logRecordOf = (key: Buffer): number => Number(key.readBigUInt64BE(4));

/** After every log record. */
export const logEnd = Buffer.from('log0');

export function valueKey(slot: Slot, generation: number, key: Key): Buffer {
  const b = Buffer.allocUnsafe(valuePrefixBytes + key.length);
  writePrefix(b, slot, generation);
  b.write(key, valuePrefixBytes, 'latin1');
  return b;
}

/** Longer keys are rare. */
const roomBytes = valuePrefixBytes + 1024;

/** Makes the database keys of values, all in the same memory: each is good until the next one is made. */
export class ValueKeys {
  readonly #room = Buffer.allocUnsafeSlow(roomBytes);
  /** The beginning of the room, by length. */
  readonly #views: (Buffer | undefined)[] = new Array(roomBytes + 1).fill(undefined);

  of(slot: Slot, generation: number, key: Key): Buffer {
    const length = valuePrefixBytes + key.length;
    if (length > roomBytes) return valueKey(slot, generation, key);
    let view = this.#views[length];
    if (view === undefined) {
      view = this.#room.subarray(0, length);
      this.#views[length] = view;
    }
    writePrefix(view, slot, generation);
    view.write(key, valuePrefixBytes, 'latin1');
    return view;
  }
}

/** Before every value of this generation of the slot, and after every one of the generations before. */
export function generationStart(slot: number, generation: number): Buffer {
  const b = Buffer.allocUnsafe(valuePrefixBytes);
  writePrefix(b, slot, generation);
  return b;
}

/** The same for sessions. */
export function sessionsStart(slot: number, generation: number): Buffer {
  const b = generationStart(slot, generation);
  b.write('ses/', 0, 'latin1');
  return b;
}

export function sessionKey(slot: Slot, generation: number, client: ClientId): Buffer {
  const b = Buffer.allocUnsafe(valuePrefixBytes + 8);
  b.set(sessionsStart(slot, generation));
  b.writeBigUInt64BE(BigInt(client), valuePrefixBytes);
  return b;
}

export const sessionsBegin = Buffer.from('ses/');
export const sessionsEnd = Buffer.from('ses0');

/** Of a session's record: which slot and generation it belongs to. */
export const placeOfSession = (key: Buffer): { readonly slot: Slot; readonly generation: number } => ({
  slot: key.readUInt16BE(4) as Slot,
  generation: key.readUInt32BE(6),
});

/** `val/` */
const valuePrefix = 0x76616c2f;

function writePrefix(b: Buffer, slot: number, generation: number): void {
  b.writeUInt32BE(valuePrefix, 0);
  b.writeUInt16BE(slot, 4);
  b.writeUInt32BE(generation, 6);
}

/** `store`: the store's id. `identity`: what the process was registered as. The others are said in meta.ts. */
export type MetaWord = 'store' | 'identity' | 'machine' | 'synced' | 'log-start';
/** `assignment`: of a slot. `base`: what its log begins after. `marks`: those whose log record was deleted. */
export type SlotMetaWord = 'assignment' | 'base' | 'marks';

export const metaKey = (word: MetaWord): Buffer => Buffer.from(`meta/${word}`);
export const slotMetaKey = (word: SlotMetaWord, slot: Slot): Buffer =>
  Buffer.from(`meta/${word}/${String(slot).padStart(5, '0')}`);

export const metaStart = Buffer.from('meta/');
export const metaEnd = Buffer.from('meta0');
