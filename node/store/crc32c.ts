/** CRC-32C, the checksum in LevelDB's tables; `node:zlib` knows another polynomial only. Eight bytes at a time. */

const polynomial = 0x82f63b78;
const tables = makeTables();

function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    made[n] = c;
  }
  for (let n = 256; n < made.length; n++) {
    const before = made[n - 256] as number;
    made[n] = (before >>> 8) ^ (made[before & 255] as number);
  }
  return made;
}

export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let c = -1;
  let i = from;
  const t = tables;
  for (; i + 8 <= to; i += 8) {
    const a =
      c ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24));
    c =
      (t[1792 + (a & 255)] as number) ^
      (t[1536 + ((a >>> 8) & 255)] as number) ^
      (t[1280 + ((a >>> 16) & 255)] as number) ^
      (t[1024 + (a >>> 24)] as number) ^
      (t[768 + (bytes[i + 4] as number)] as number) ^
      (t[512 + (bytes[i + 5] as number)] as number) ^
      (t[256 + (bytes[i + 6] as number)] as number) ^
      (t[bytes[i + 7] as number] as number);
  }
  for (; i < to; i++) c = (c >>> 8) ^ (t[(c ^ (bytes[i] as number)) & 255] as number);
  return ~c >>> 0;
}
