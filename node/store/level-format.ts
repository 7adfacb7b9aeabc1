/** What LevelDB's files have in common. https://github.com/google/leveldb/tree/main/doc */

/** A file of LevelDB is not as its format says. */
export class Broken extends Error {}

/** @throws Broken */
export function varint(bytes: Buffer, at: number): { readonly value: number; readonly next: number } {
  let value = 0;
  for (let i = at, factor = 1; i < at + 8; i++, factor *= 128) {
    const byte = bytes[i];
    if (byte === undefined) break;
    value += (byte & 127) * factor;
    if (byte < 128) return { value, next: i + 1 };
  }
  throw new Broken(`a number at ${at} does not end`);
}

/** A checksum that is stored at `at`: turned and moved there, so that one of data with checksums in it is no special case. */
export function storedChecksum(bytes: Buffer, at: number): number {
  const turned = (bytes.readUInt32LE(at) - 0xa282ead8) >>> 0;
  return ((turned >>> 17) | (turned << 15)) >>> 0;
}
