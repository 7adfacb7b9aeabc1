/**
 * The format on disk, frozen: what `golden/format-2.json` holds must be read for ever, and written until there is a
 * format 3 with a golden file of its own. Never edit a golden file.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { epoch, type Incarnation, key, origin, reign, slot } from '../../protocol/words.ts';
import { metaKey } from './keys.ts';
import { decodeJson, type Machine, openMeta } from './meta.ts';
import { Folders, raw, world } from './store.folders.ts';
import {
  append,
  apply,
  assignment,
  at,
  batch,
  drop,
  erase,
  Head,
  marks,
  sessions,
  trim,
} from './store.samples.ts';

interface Golden {
  readonly identity: { readonly storeId: string };
  /** Key (one character a byte) and value (hex) of everything in the database, in key order. */
  readonly database: Record<string, string>;
}

const golden: Golden = JSON.parse(await readFile(new URL('./golden/format-2.json', import.meta.url), 'utf8'));
const folders = new Folders();
afterEach(() => folders.clean());

const options = { world: world('00000000-0000-4000-8000-000000000001') };

function batches() {
  const [one, two, three] = [new Head(1), new Head(2), new Head(3)];
  const [a, b, refused] = [one.put('a', 'first'), one.put('b'), one.refuse('a')];
  const bGone = one.delete('b');
  const later = new Head(1, at(1, 4), 2);
  const next = later.put('a', 'second');
  return [
    batch(
      {
        kind: 'identity',
        clusterId: 'golden',
        epoch: epoch(3),
        reign: reign(77),
        incarnation: 6_291_457 as Incarnation,
      },
      assignment(1, 1),
      append(a, b),
    ),
    batch(append(refused, bGone, one.put('lost')), apply(a, b), marks(1, at(1, 2)), append(...two.puts(2))),
    batch(
      drop(1, 4),
      append(next),
      apply(refused, bGone),
      marks(1, at(1, 4)),
      assignment(1, 2),
      trim(2, at(1, 1)),
      sessions(2, { 5: 'session of two', 6: 'gone soon' }),
    ),
    batch(append(three.put('old')), erase(3, at(5, 70)), append(new Head(3, at(5, 70), 5).put('\xff\x00'))),
    batch(apply(next), marks(1, at(2, 5)), sessions(2, { 9: 'another' }, [6], 1), marks(3, at(5, 70), false)),
  ];
}

const dump = (folder: string): Promise<Record<string, string>> =>
  raw(folder, async (database) => {
    const all = await database.iterator().all();
    return Object.fromEntries(all.map(([k, v]) => [k.toString('latin1'), Buffer.from(v).toString('hex')]));
  });

const machineIn = (database: Golden['database']) => {
  const record = Buffer.from(database['meta/machine'] ?? '', 'hex');
  return decodeJson(openMeta(metaKey('machine'), record) ?? Buffer.alloc(0)) as Machine;
};

test('what is written is what the golden file holds', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder, options);
  for (const b of batches()) await store.write(b);
  await folders.close(folder);
  const identity = JSON.parse(await readFile(join(folder, 'identity.json'), 'utf8'));
  expect(Object.keys(identity)).toEqual(Object.keys(golden.identity));
  const written = await dump(folder);
  // The id of a store is random, and so is the number of its locked file, which the golden store does not name.
  const { lock, ...machine } = machineIn(written);
  expect(lock).toMatch(/^\d+:\d+$/);
  expect(machine).toEqual(machineIn(golden.database));
  const { 'meta/store': _store, 'meta/machine': _machine, ...same } = golden.database;
  expect(written).toEqual({ ...same, 'meta/store': expect.anything(), 'meta/machine': expect.anything() });
});

test('what the golden file holds is read', async () => {
  const folder = await folders.empty();
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'identity.json'), JSON.stringify(golden.identity));
  await raw(folder, (database) =>
    database.batch(
      Object.entries(golden.database).map(([k, v]) => ({
        type: 'put',
        key: Buffer.from(k, 'latin1'),
        value: Buffer.from(v, 'hex'),
      })),
      { sync: true },
    ),
  );
  const { store, boot } = await folders.open(folder, options);
  expect([boot.store, boot.identity]).toEqual([
    golden.identity.storeId,
    { clusterId: 'golden', epoch: 3, reign: 77, incarnation: 6_291_457 },
  ]);
  const found = boot.slots.map((s) => ({
    slot: s.slot,
    version: s.version,
    start: s.start,
    log: s.log.map((e) => `${e.kind} ${e.version}:${e.seq} ${e.key} ${Buffer.from(e.value)}`),
    commit: s.marks.commit,
    complete: s.marks.complete,
    sessions: s.sessions.map((b) => Buffer.from(b).toString()),
    forgotten: s.forgotten.last,
  }));
  expect(found).toEqual([
    {
      slot: 1,
      version: 2,
      start: origin,
      log: ['put 1:1 a first', 'put 1:2 b value', 'refused 1:3 a ', 'delete 1:4 b ', 'put 2:5 a second'],
      commit: at(2, 5),
      complete: true,
      sessions: [],
      forgotten: 0,
    },
    {
      slot: 2,
      version: 0,
      start: at(1, 1),
      log: [`put 1:2 key-1 ${'x'.repeat(20)}`],
      commit: at(1, 1),
      complete: false,
      sessions: ['session of two', 'another'],
      forgotten: 1,
    },
    {
      slot: 3,
      version: 0,
      start: at(5, 70),
      log: ['put 5:71 \xff\x00 value'],
      commit: at(5, 70),
      complete: false,
      sessions: [],
      forgotten: 0,
    },
  ]);
  expect(store.get(slot(1), key('b'))).toBeNull();
  expect(Buffer.from(store.get(slot(1), key('a')) as Uint8Array).toString('latin1')).toMatch(/asecond$/);
});
