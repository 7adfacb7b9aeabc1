import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { origin, seq, slot } from '../../protocol/words.ts';
import { databaseOf } from './database.ts';
import { createStore } from './identity.ts';
import { Folders, raw, world } from './store.folders.ts';
import { append, apply, assignment, at, batch, erase, Head, marks, trim } from './store.samples.ts';

const folders = new Folders();
afterEach(() => folders.clean());

test('a store is made once, and only where none is', async () => {
  const folder = join(await folders.empty(), 'new', 'store');
  const identity = await createStore(folder, 'test');
  expect(JSON.parse(await readFile(join(folder, 'identity.json'), 'utf8'))).toEqual(identity);
  expect((await folders.open(folder)).boot.store).toBe(identity.storeId);
  await expect(createStore(folder, 'test')).rejects.toMatchObject({ code: 'STORE_EXISTS' });
});

test('a database without an identity is never overwritten', async () => {
  const folder = await folders.created();
  await rm(join(folder, 'identity.json'));
  await expect(folders.open(folder)).rejects.toMatchObject({ code: 'NO_STORE' });
  await expect(createStore(folder, 'test')).rejects.toMatchObject({
    code: 'STORE_EXISTS',
    message: expect.stringContaining(folder),
  });
  await access(join(databaseOf(folder), 'CURRENT'));
});

test('a creation that was cut short is begun again', async () => {
  const folder = await folders.created();
  await rename(join(folder, 'identity.json'), join(folder, 'identity.json.new'));
  await expect(folders.open(folder)).rejects.toMatchObject({ code: 'NO_STORE' });
  const { storeId } = await createStore(folder, 'test');
  expect((await folders.open(folder)).boot.store).toBe(storeId);
});

test('an empty folder, another cluster, another format and nonsense are refused', async () => {
  const empty = await folders.empty();
  await expect(folders.open(empty)).rejects.toMatchObject({
    code: 'NO_STORE',
    message: expect.stringContaining(empty),
  });
  await expect(folders.open(join(empty, 'nowhere'))).rejects.toMatchObject({ code: 'NO_STORE' });
  const folder = await folders.created();
  await expect(folders.open(folder, { clusterName: 'other' })).rejects.toMatchObject({
    code: 'OTHER_CLUSTER',
    message: `store ${folder} belongs to cluster test, not to other; give this node its own folder.`,
  });
  const path = join(folder, 'identity.json');
  const identity = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...identity, format: 1 }));
  await expect(folders.open(folder)).rejects.toMatchObject({
    code: 'OTHER_FORMAT',
    message: expect.stringContaining('format 1'),
  });
  await writeFile(path, '{"format": 1');
  await expect(folders.open(folder)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  await rm(path);
  await mkdir(path);
  await expect(folders.open(folder)).rejects.toMatchObject({ code: 'STORE_FAILED' });
});

test('opening waits for the process before, and tells who holds the folder', async () => {
  const folder = await folders.created();
  await folders.open(folder);
  await expect(folders.open(folder, { lockWaitMs: 150 })).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    message: `store ${folder} is in use by another process; stop that one, or give this node another folder.`,
  });
  const second = folders.open(folder, { lockWaitMs: 20_000 });
  await folders.close(folder);
  expect((await second).store.state).toBe('serving');
});

test('the lock is proof only on the boot of the machine that served last', async () => {
  const folder = await folders.created();
  const proofs: boolean[] = [];
  for (const boot of ['a', 'a', 'b', 'b', null, null]) {
    proofs.push((await folders.open(folder, { world: world(boot) })).lockProof);
    await folders.close(folder);
  }
  expect(proofs).toEqual([false, true, false, true, false, false]);
});

test('trimming deletes whole log records, and marks that they held stay', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder);
  const [one, two] = [new Head(1), new Head(2)];
  await store.write(batch(append(...two.puts(2)), marks(2, two.end)));
  for (let i = 0; i < 400; i++) await store.write(batch(append(...one.puts(1)), marks(1, one.end)));
  await store.write(batch(trim(1, at(1, 390))));
  // Slot 2 still needs the oldest record.
  expect(store.stats().log).toMatchObject({ first: 1, last: 402, records: 402 });
  await store.write(batch(trim(2, at(1, 2))));
  expect(store.stats().log).toMatchObject({ first: 392, last: 403, records: 12 });
  expect((await store.readLog(slot(1), seq(391), 1e6)).length).toBe(10);
  await folders.close(folder);
  const { boot, recovery } = await folders.open(folder);
  expect(recovery).toMatchObject({ records: 12, entries: 10, droppedBytes: 0 });
  const [first, second] = boot.slots;
  expect([first!.log.length, first!.marks.commit]).toEqual([10, at(1, 400)]);
  expect([second!.log.length, second!.start]).toEqual([0, at(1, 2)]);
  expect(second!.marks).toMatchObject({ commit: at(1, 2), promised: origin, complete: true });
});

test('erased values leave the disk, also when the process ends before', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder);
  const head = new Head(1);
  const entries = Array.from({ length: 3000 }, (_, i) => head.put(`key-${i}`));
  await store.write(batch(append(...entries), apply(...entries)));
  const next = new Head(1, at(1, 3000)).put('next');
  await store.write(batch(erase(1, at(1, 3000)), apply(next)));
  const image = await folders.image(folder);
  await folders.close(folder);
  await folders.open(image);
  for (let left = 3001; left !== 1; ) {
    const copy = await folders.image(image);
    left = await raw(
      copy,
      async (database) =>
        (await database.keys({ gte: Buffer.from('val/'), lt: Buffer.from('val0') }).all()).length,
    );
  }
});

test('figures tell what the store did', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder);
  await store.write(batch(append(...new Head(1).puts(3)), assignment(2, 1)));
  const stats = store.stats();
  expect(stats).toMatchObject({
    state: 'serving',
    reason: '',
    slots: 2,
    log: { records: 1, first: 1, last: 1 },
    corruptReads: 0,
  });
  expect(stats.writes).toMatchObject({ batches: 1, pendingMs: 0, bytes: expect.any(Number) });
  expect(stats.writes.bytes).toBeGreaterThan(stats.log.bytes);
  expect(stats.writes.slowestMs).toBe(stats.writes.ms);
  expect(store.stats().writes.slowestMs).toBe(0);
  // Opening made a table of what was in LevelDB's log.
  expect(stats.levels.reduce((sum, level) => sum + level.files, 0)).toBeGreaterThan(0);
});
