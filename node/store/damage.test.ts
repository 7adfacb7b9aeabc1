import { readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { afterEach, expect, test, vi } from 'vitest';
import type { BootSlot } from '../../protocol/persist.ts';
import { key, seq, slot } from '../../protocol/words.ts';
import { databaseOf } from './database.ts';
import { logKey, metaKey, slotMetaKey } from './keys.ts';
import { Folders, files, flipBit, logFile, raw, sizeOf } from './store.folders.ts';
import { append, apply, at, batch, Head, marks, trim } from './store.samples.ts';
import { StoreError } from './store.ts';

const folders = new Folders();
afterEach(() => folders.clean());

/** A store with one entry a batch, left as a crash leaves it; `ends` are the sizes of LevelDB's log after each batch. */
async function crashed(batches: number, valueBytes: number): Promise<{ image: string; ends: number[] }> {
  const folder = await folders.created();
  const { store } = await folders.open(folder);
  const log = await logFile(folder);
  const head = new Head(1);
  const ends: number[] = [];
  for (let i = 0; i < batches; i++) {
    const entry = head.put(`key-${i}`, 'x'.repeat(valueBytes));
    await store.write(batch(append(entry), apply(entry), marks(1, head.end)));
    ends.push(await sizeOf(log));
  }
  const image = await folders.image(folder);
  await store.close();
  return { image, ends };
}

const seqs = (found: BootSlot | undefined): number[] => (found?.log ?? []).map((e) => e.seq);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

test('a torn log gives the whole batches before the tear', { timeout: 120_000 }, async () => {
  const { image, ends } = await crashed(5, 30);
  for (let cut = ends.at(-1)!; cut > 0; cut -= 7) {
    const copy = await folders.image(image);
    await truncate(await logFile(copy), cut);
    const { store, boot } = await folders.open(copy);
    const whole = ends.filter((end) => end <= cut).length;
    expect(seqs(boot.slots[0])).toEqual(upTo(whole));
    expect(store.get(slot(1), key(`key-${whole}`))).toBeNull();
    if (whole > 0) expect(store.get(slot(1), key(`key-${whole - 1}`))).toBeInstanceOf(Uint8Array);
    await folders.close(copy);
  }
});

test('a flipped bit in the log is refused, or costs only the end and is told', {
  timeout: 120_000,
}, async () => {
  const { image, ends } = await crashed(400, 100);
  const size = ends.at(-1)!;
  const outcomes = { refused: 0, shorter: 0 };
  for (let offset = ends[0]!; offset < size; offset += Math.floor(size / 40)) {
    const copy = await folders.image(image);
    await flipBit(await logFile(copy), offset);
    try {
      const { boot, recovery } = await folders.open(copy);
      const found = seqs(boot.slots[0]);
      expect(found).toEqual(upTo(found.length));
      expect(found.length).toBeLessThan(400);
      expect(recovery.droppedBytes).toBeGreaterThan(0);
      outcomes.shorter++;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      expect([error.code, error.message]).toEqual([
        'STORE_CORRUPT',
        expect.stringMatching(/log record \d+ is missing/),
      ]);
      outcomes.refused++;
    }
    await folders.close(copy);
  }
  // The last block of 32 KiB has nothing behind it that could show a gap.
  expect(outcomes.refused).toBeGreaterThan(15);
});

test('rot in tables is found before anything is read from them', { timeout: 120_000 }, async () => {
  const { image } = await crashed(400, 100);
  await (await folders.open(image)).store.close();
  await raw(image, (database) => database.compactRange(logKey(0), Buffer.from('z')));
  const [table] = await files(image, '.ldb');
  const size = await sizeOf(table!);
  let refused = 0;
  for (let offset = 50; offset < size * 0.95; offset += Math.floor(size / 40)) {
    const copy = await folders.image(image);
    await flipBit((await files(copy, '.ldb'))[0]!, offset);
    try {
      await folders.open(copy);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      expect(error.code).toBe('STORE_CORRUPT');
      refused++;
    }
    await folders.close(copy);
  }
  // Nothing may be opened: what was hit may hide a key, and LevelDB would write it into a new table without a word.
  expect(refused).toBeGreaterThan(35);
});

test('a folder that misses a file of LevelDB, or has a damaged one, is refused and keeps the others', async () => {
  const { image } = await crashed(5, 10);
  await (await folders.open(image)).store.close();
  const damages: Record<string, (folder: string) => Promise<void>> = {
    CURRENT: (folder) => rm(join(databaseOf(folder), 'CURRENT')),
    MANIFEST: async (folder) => {
      const name = (await readdir(databaseOf(folder))).find((n) => n.startsWith('MANIFEST'))!;
      await flipBit(join(databaseOf(folder), name), 20);
    },
    'the MANIFEST that CURRENT names': (folder) =>
      writeFile(join(databaseOf(folder), 'CURRENT'), 'MANIFEST-999999\n'),
    'the name in CURRENT': (folder) => writeFile(join(databaseOf(folder), 'CURRENT'), 'something\n'),
    table: async (folder) => rm((await files(folder, '.ldb'))[0]!),
  };
  for (const [what, damage] of Object.entries(damages)) {
    const copy = await folders.image(image);
    await damage(copy);
    const before = await data(copy);
    await expect(folders.open(copy), what).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining(copy),
    });
    expect(await data(copy), what).toEqual(before);
  }
});

const data = async (folder: string): Promise<string[]> =>
  (await readdir(databaseOf(folder))).filter((name) => !/^LO/.test(name)).sort();

test('a log record that is missing, damaged or in the wrong place is named', async () => {
  const { image } = await crashed(9, 10);
  await (await folders.open(image)).store.close();
  const flipped = async (folder: string, number: number, at: number): Promise<void> =>
    raw(folder, async (database) => {
      const record = (await database.get(logKey(number)))!;
      record[at]! ^= 1;
      await database.put(logKey(number), record);
    });
  const damages: [string, (folder: string) => Promise<void>][] = [
    ['log record 4 is missing', (folder) => raw(folder, (database) => database.del(logKey(4)))],
    ['log record 1 is missing', (folder) => raw(folder, (database) => database.del(logKey(1)))],
    ['ends at record 8, but 9 was synced', (folder) => raw(folder, (database) => database.del(logKey(9)))],
    ['log record 5 is damaged (checksum)', (folder) => flipped(folder, 5, 60)],
    ['log record 6 is damaged (length)', (folder) => flipped(folder, 6, 0)],
    [
      'log record 3 is damaged (number)',
      (folder) => raw(folder, async (database) => database.put(logKey(3), (await database.get(logKey(2)))!)),
    ],
  ];
  for (const [message, damage] of damages) {
    const copy = await folders.image(image);
    await damage(copy);
    await expect(folders.open(copy)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining(message),
    });
  }
});

test('a small record that is damaged, misplaced or unknown is named', async () => {
  const folder = await folders.created();
  await (await folders.open(folder)).store.close();
  const damages: [string, (folder: string) => Promise<void>][] = [
    [
      'record meta/machine is damaged',
      (copy) =>
        raw(copy, async (database) => {
          const record = (await database.get(metaKey('machine')))!;
          record[7]! ^= 1;
          await database.put(metaKey('machine'), record);
        }),
    ],
    [
      'record meta/base/00003 is damaged',
      (copy) =>
        raw(copy, async (database) =>
          database.put(slotMetaKey('base', slot(3)), (await database.get(metaKey('machine')))!),
        ),
    ],
    ['belongs to store (none)', (copy) => raw(copy, (database) => database.del(metaKey('store')))],
  ];
  for (const [message, damage] of damages) {
    const copy = await folders.image(folder);
    await damage(copy);
    await expect(folders.open(copy)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining(message),
    });
  }
});

test('a log record that is damaged when it is read is told, goes with the next trim, and the store opens again', async () => {
  const { image } = await crashed(9, 10);
  const { store } = await folders.open(image);
  const damaged = vi
    .spyOn(ClassicLevel.prototype, 'getMany')
    .mockImplementation(
      async (keys) =>
        (keys as Buffer[]).map((of) => (of.equals(logKey(4)) ? Buffer.alloc(200) : undefined)) as never,
    );
  expect(await store.readLog(slot(1), seq(4), 1)).toBe('corrupt');
  damaged.mockRestore();
  expect(store.state).toBe('serving');
  // Retention alone would keep all of it.
  expect(store.oldestLog()).toEqual([{ slot: slot(1), seq: 4 }]);
  await store.write(batch(trim(1, at(1, 4))));
  expect(store.oldestLog()).toEqual([]);
  expect(store.stats().log.first).toBe(5);
  await store.close();
  const again = await folders.open(image);
  expect(seqs(again.boot.slots[0])).toEqual([5, 6, 7, 8, 9]);
});

test('swapped databases are refused', async () => {
  const [one, two] = [await folders.created(), await folders.created()];
  const aside = join(one, 'aside');
  await rename(databaseOf(one), aside);
  await rename(databaseOf(two), databaseOf(one));
  await rename(aside, databaseOf(two));
  for (const folder of [one, two])
    await expect(folders.open(folder)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining('its database belongs to store'),
    });
});
