import { access, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { key, slot } from '../../protocol/words.ts';
import { crc32c } from './crc32c.ts';
import { databaseOf } from './database.ts';
import { Broken } from './level-format.ts';
import { namedTables, tablesIn } from './named-tables.ts';
import { Folders, files, flipBit, sizeOf } from './store.folders.ts';
import { append, apply, batch, Head, marks } from './store.samples.ts';
import { StoreError } from './store.ts';
import { faultOfTable } from './table-file.ts';
import { checkTables } from './tables.ts';

const folders = new Folders();
afterEach(() => folders.clean());

/** A store whose entries lie in tables. */
async function withTables(): Promise<string> {
  const folder = await folders.created();
  const { store } = await folders.open(folder);
  const head = new Head(1);
  for (let i = 0; i < 300; i++) {
    const entry = head.put(`key-${i}`, `${i} `.repeat(60));
    await store.write(batch(append(entry), apply(entry), marks(1, head.end)));
  }
  await folders.close(folder);
  await folders.open(folder);
  await folders.close(folder);
  return folder;
}

test('the checksum is that of its definition', () => {
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a9136aa);
});

test('every bit of a table is covered, but for the room between its last handle and its end mark', {
  timeout: 60_000,
}, async () => {
  const [table = ''] = await files(await withTables(), '.ldb');
  const bytes = await readFile(table);
  expect(faultOfTable(bytes)).toBe('');
  const unseen: number[] = [];
  for (let at = 0; at < bytes.length; at += at > bytes.length - 60 ? 1 : 7) {
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
    if (faultOfTable(bytes) === '') unseen.push(at - bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
  }
  expect(unseen.filter((at) => at < -48 || at >= -8)).toEqual([]);
});

test('a store with a damaged table is refused, wherever the bit is', async () => {
  const whole = await withTables();
  for (const at of [10, 0.5, -60, -4]) {
    const folder = await folders.image(whole);
    const [table = ''] = await files(folder, '.ldb');
    const size = await sizeOf(table);
    await flipBit(table, at < 0 ? size + at : at < 1 ? Math.floor(size * at) : at);
    const refused = await folders.open(folder).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreError);
    expect((refused as StoreError).code).toBe('STORE_CORRUPT');
    expect((refused as StoreError).message).toContain(table);
  }
  const { store } = await folders.open(whole);
  expect(store.get(slot(1), key('key-7'))).toBeInstanceOf(Uint8Array);
});

test('what is too much to look at before the start is told', async () => {
  const folder = await withTables();
  const { fault, uncheckedBytes } = await checkTables(`${folder}/db`, 100);
  expect([fault, uncheckedBytes > 100]).toEqual(['', true]);
});

test('a table that is named nowhere, as a killed process leaves it half written, is no damage', async () => {
  const folder = await withTables();
  const tables = await files(folder, '.ldb');
  const named = await namedTables(databaseOf(folder));
  expect([...(named ?? [])].sort()).toEqual(tables.map((path) => Number.parseInt(basename(path), 10)).sort());
  const half = join(databaseOf(folder), '999999.ldb');
  await writeFile(half, (await readFile(tables[0] ?? '')).subarray(0, 1000));
  expect(await checkTables(databaseOf(folder))).toEqual({ fault: '', uncheckedBytes: 0 });
  await folders.open(folder);
  await folders.close(folder);
  await expect(access(half)).rejects.toThrow('ENOENT');
});

test('a MANIFEST that is cut off names what was there before; one with a wrong bit names nothing', async () => {
  const database = databaseOf(await withTables());
  const name = (await readFile(join(database, 'CURRENT'), 'utf8')).trimEnd();
  const manifest = await readFile(join(database, name));
  const whole = tablesIn(manifest);
  expect(whole.size).toBeGreaterThan(0);
  for (let length = 0; length < manifest.length; length++)
    expect(tablesIn(manifest.subarray(0, length)).size).toBeLessThanOrEqual(whole.size);
  for (let at = 0; at < manifest.length; at++) {
    const turned = Buffer.from(manifest);
    turned[at] = (turned[at] as number) ^ 1;
    try {
      // A wrong length may look like an end that is cut off.
      expect(tablesIn(turned).size).toBeLessThanOrEqual(whole.size);
    } catch (error) {
      expect(error).toBeInstanceOf(Broken);
    }
  }
});
