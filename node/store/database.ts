/** The LevelDB under a store. */
import { join } from 'node:path';
import type { ClassicLevel } from 'classic-level';

export type Database = ClassicLevel<Buffer, Uint8Array>;

/** Values as `view`: LevelDB takes any Uint8Array as it is. */
export const encodings = { keyEncoding: 'buffer', valueEncoding: 'view' } as const;

export const databaseOf = (folder: string): string => join(folder, 'db');

/** The same bytes with a Buffer's methods. */
export function asBuffer(b: Uint8Array): Buffer {
  return b instanceof Buffer ? b : Buffer.from(b.buffer, b.byteOffset, b.byteLength);
}
