import { truncate } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { origin, type Position } from '../../protocol/words.ts';
import { databaseOf } from './database.ts';
import { logKey } from './keys.ts';
import type { OpenOptions } from './open.ts';
import { Folders, logFile, raw, sizeOf, world } from './store.folders.ts';
import { append, assignment, at, batch, erase, Head, marks, trim } from './store.samples.ts';
import { syncLogFiles } from './sync-point.ts';

vi.mock('./sync-point.ts', { spy: true });

const folders = new Folders();
afterEach(() => folders.clean());

/** Under `os`, on a machine that has booted for the n-th time, with no sync but those that are asked for. */
const lossy = (boot: number): Partial<OpenOptions> => ({
  durability: 'os',
  syncEveryMs: 1e9,
  world: world(`boot-${boot}`),
});

async function syncedEnd(folder: string, options: Partial<OpenOptions>): Promise<Position | undefined> {
  const { boot } = await folders.open(folder, options);
  await folders.close(folder);
  return boot.slots.find((s) => s.slot === 1)?.syncedEnd;
}

test('under os another boot of the machine unproves what was not synced', async () => {
  const folder = await folders.created();
  const { store, lockProof } = await folders.open(folder, lossy(1));
  expect(lockProof).toBe(false);
  const head = new Head(1);
  await store.write(batch(append(...head.puts(3))));
  const early = await folders.image(folder);
  await store.close();
  const second = await folders.open(folder, lossy(1));
  expect([second.lockProof, second.boot.slots[0]!.syncedEnd]).toEqual([true, undefined]);
  await second.store.write(batch(append(...head.puts(2))));
  const late = await folders.image(folder);

  expect(await syncedEnd(await folders.image(early), lossy(1))).toBeUndefined();
  expect(await syncedEnd(early, lossy(2))).toEqual(origin);
  // Opening brought all that it found to the disk.
  expect(await syncedEnd(late, lossy(2))).toEqual(at(1, 3));
  // No boot id is no proof.
  expect(await syncedEnd(await folders.image(folder), { ...lossy(1), world: world(null) })).toEqual(at(1, 3));
});

test('under fsync, and after an orderly end, nothing is unproven', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder, { world: world('boot-1') });
  await store.write(batch(append(...new Head(1).puts(3))));
  expect(await syncedEnd(await folders.image(folder), lossy(2))).toBeUndefined();
  await folders.close(folder);
  const again = await folders.open(folder, lossy(2));
  await again.store.write(batch(append(...new Head(1, at(1, 3)).puts(3))));
  await folders.close(folder);
  expect(await syncedEnd(folder, lossy(3))).toBeUndefined();
});

test('under os what was written is synced now and then', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder, { ...lossy(1), syncEveryMs: 5 });
  await store.write(batch(append(...new Head(1).puts(3))));
  const synced = async () => expect(await syncedEnd(await folders.image(folder), lossy(2))).toEqual(at(1, 3));
  await vi.waitFor(synced, { timeout: 10_000 });
  expect(store.state).toBe('serving');
});

test('a sync that fails fails the store, and proves nothing', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder, { ...lossy(1), syncEveryMs: 5 });
  vi.mocked(syncLogFiles).mockRejectedValueOnce(new Error('EIO: i/o error, fsync'));
  await store.write(batch(append(...new Head(1).puts(1))));
  await vi.waitFor(() => expect(store.state).toBe('failed'), { timeout: 10_000 });
  await expect(store.write(batch(assignment(1, 1)))).rejects.toMatchObject({
    code: 'STORE_FAILED',
    message: expect.stringContaining('a sync failed: EIO: i/o error, fsync'),
  });
  expect(vi.mocked(syncLogFiles).mock.lastCall).toEqual([databaseOf(folder)]);
  await folders.close(folder);
  expect(await syncedEnd(folder, lossy(2))).toEqual(origin);
});

test('a log stays unproven over restarts, until the slot is assigned or erased', async () => {
  for (const settle of [assignment(1, 1), erase(1, at(4, 9))]) {
    const folder = await folders.created();
    await (await folders.open(folder, lossy(1))).store.write(batch(append(...new Head(1).puts(3))));
    const image = await folders.image(folder);
    expect(await syncedEnd(image, lossy(2))).toEqual(origin);
    expect(await syncedEnd(image, { durability: 'fsync', world: world('boot-2') })).toEqual(origin);
    const { store } = await folders.open(image, { world: world('boot-2') });
    await store.write(batch(append(...new Head(1, at(1, 3)).puts(2))));
    await store.write(batch(settle));
    await folders.close(image);
    expect(await syncedEnd(image, lossy(2))).toBeUndefined();
    await folders.close(folder);
  }
});

test('a power cut that takes the end leaves a prefix, with its proven end', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder, lossy(1));
  const log = await logFile(folder);
  const head = new Head(1);
  await store.write(batch(append(...head.puts(3)), marks(1, at(1, 1))));
  const kept = await sizeOf(log);
  await store.write(batch(append(...head.puts(3)), marks(1, at(1, 4))));
  const image = await folders.image(folder);
  await truncate(await logFile(image), kept + 5);
  const { boot } = await folders.open(image, lossy(2));
  expect([boot.slots[0]!.log.length, boot.slots[0]!.marks.commit, boot.slots[0]!.syncedEnd]).toEqual([
    3,
    at(1, 1),
    origin,
  ]);
});

test('what was not synced is never deleted from the log, so that a hole in it would show', async () => {
  const fill = async (options: Partial<OpenOptions>): Promise<string> => {
    const folder = await folders.created();
    const { store } = await folders.open(folder, options);
    const head = new Head(1);
    for (let i = 0; i < 300; i++) await store.write(batch(append(...head.puts(1))));
    await store.write(batch(marks(1, head.end), trim(1, head.end)));
    for (let i = 0; i < 3; i++) await store.write(batch(append(...head.puts(1))));
    return folders.image(folder);
  };
  const records = (folder: string): Promise<number> =>
    raw(folder, async (database) => (await database.keys({ lt: Buffer.from('log0') }).all()).length);
  expect(await records(await fill({ world: world('boot-1') }))).toBeLessThan(10);
  const image = await fill(lossy(1));
  expect(await records(image)).toBe(304);
  await raw(image, (database) => database.del(logKey(100)));
  await expect(folders.open(image, lossy(2))).rejects.toMatchObject({
    message: expect.stringContaining('log record 100 is missing'),
  });
});
