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

test('an assignment that gives the store no place leaves its log unproven', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder, lossy(1));
  await store.write(batch(append(...new Head(1).puts(3)), marks(1, at(1, 1))));
  const image = await folders.image(folder);
  const second = await folders.open(image, lossy(2));
  await second.store.write(batch({ ...assignment(1, 4), unproven: true } as ReturnType<typeof assignment>));
  await folders.close(image);
  expect(await syncedEnd(image, lossy(2))).toEqual(origin);
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

async function filled(options: Partial<OpenOptions>, other = true): Promise<string> {
  const folder = await folders.created();
  const { store } = await folders.open(folder, options);
  const [one, two] = [new Head(1), new Head(2)];
  if (other) await store.write(batch(append(...two.puts(3)), marks(2, at(1, 3))));
  for (let i = 0; i < 300; i++) await store.write(batch(append(...one.puts(1))));
  await store.write(batch(marks(1, one.end), trim(1, one.end)));
  for (let i = 0; i < 3; i++) await store.write(batch(append(...one.puts(1))));
  return folders.image(folder);
}

const records = (folder: string): Promise<number> =>
  raw(folder, async (database) => (await database.keys({ lt: Buffer.from('log0') }).all()).length);

test('what was not synced is never deleted from the log, so that a hole in it would show', async () => {
  expect(await records(await filled({ world: world('boot-1') }, false))).toBeLessThan(10);
  const image = await filled(lossy(1));
  expect(await records(image)).toBe(305);
  await raw(image, (database) => database.del(logKey(100)));
  // The machine went on, so no power cut took it.
  const damaged = { message: expect.stringContaining('log record 100 is missing') };
  await expect(folders.open(image, lossy(1))).rejects.toMatchObject(damaged);
});

test('under fsync a hole is damage, whatever happened to the machine', async () => {
  const image = await filled({ world: world('boot-1') });
  const numbers = await raw(image, (database) => database.keys({ lt: Buffer.from('log0') }).all());
  const middle = numbers.filter((k) => k.toString('latin1').startsWith('log')).at(-2) as Buffer;
  await raw(image, (database) => database.del(middle));
  await expect(folders.open(image, lossy(2))).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
});

test('a hole that a power cut left ends the log; what lies behind it is never taken for proven', async () => {
  const image = await filled(lossy(1));
  await raw(image, (database) => database.del(logKey(100)));
  const first = await folders.open(image, lossy(2));
  expect(first.recovery.hole).toBe(100);
  const slotOf = (opened: typeof first, slot: number) => opened.boot.slots.find((s) => s.slot === slot);
  // Slot 2 wrote nothing behind the hole: its log and its values are whole, and unproven as after any power cut.
  expect(slotOf(first, 2)).toMatchObject({ syncedEnd: origin, marks: { complete: true, commit: at(1, 3) } });
  expect(slotOf(first, 2)?.log.length).toBe(3);
  // Slot 1 did: it is copied anew.
  const torn = slotOf(first, 1);
  expect(torn).toMatchObject({ syncedEnd: expect.anything(), marks: { complete: false } });
  expect(torn?.log.at(-1)?.seq ?? 0).toBeLessThan(101);
  // What was cut off does not come back beside what is written from here on.
  await first.store.write(batch(append(...new Head(2, at(1, 3)).puts(1))));
  await folders.close(image);
  const again = await folders.open(image, lossy(2));
  expect([again.recovery.hole, slotOf(again, 2)?.log.length]).toEqual([null, 4]);
  expect(slotOf(again, 1)?.marks.complete).toBe(false);
});

test('a trim that a hole left behind speaks of more than the marks that it took', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder, lossy(1));
  const head = new Head(1);
  await store.write(batch(append(...head.puts(10)), marks(1, at(1, 5))));
  await store.write(batch(append(...new Head(2).puts(1))));
  await store.write(batch(marks(1, at(1, 10)), trim(1, at(1, 8))));
  const image = await folders.image(folder);
  const taken = (await raw(image, (database) => database.keys({ lt: Buffer.from('log0') }).all())).at(-2);
  await raw(image, (database) => database.del(taken as Buffer));
  const { boot } = await folders.open(image, lossy(2));
  const slot = boot.slots.find((s) => s.slot === 1);
  // No start may find a log that is trimmed above its commit mark (R41): it would end there, each time.
  expect(slot).toMatchObject({ start: at(1, 8), marks: { commit: at(1, 8), complete: false } });
  expect(slot?.log.map((e) => e.seq)).toEqual([9, 10]);
});

test('the lock of a copied or cloned folder proves nothing about who works on the original', async () => {
  const folder = await folders.created();
  await folders.open(folder, lossy(1));
  const copy = await folders.image(folder);
  expect((await folders.open(copy, lossy(1))).lockProof).toBe(false);
  // The copy's own next process has it, on the same boot of the machine only.
  await folders.close(copy);
  expect((await folders.open(copy, lossy(1))).lockProof).toBe(true);
  await folders.close(copy);
  expect((await folders.open(copy, lossy(2))).lockProof).toBe(false);
  await folders.close(folder);
  expect((await folders.open(folder, lossy(1))).lockProof).toBe(true);
});
