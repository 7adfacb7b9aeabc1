import { expect, test } from 'vitest';
import type { Entry } from '../../protocol/entry.ts';
import type { Batch } from '../../protocol/persist.ts';
import { entryAt } from '../../protocol/testing/samples.ts';
import { key, slot } from '../../protocol/words.ts';
import { createRandom } from '../random.ts';
import { endOf } from './content.ts';
import { createDisk, type Disk } from './disk.ts';
import { createSchedule, type Schedule } from './schedule.ts';

function stand(durability: 'fsync' | 'os' = 'fsync', seed = 1): { schedule: Schedule; disk: Disk } {
  const schedule = createSchedule();
  return {
    schedule,
    disk: createDisk(schedule, createRandom(seed), 'd', { durability, writeMs: 1, spreadMs: 1, scanMs: 10 }),
  };
}

const entry = (n: number): Entry => entryAt(n, { key: key(`k${n}`) });

const append = (id: number): Batch => ({
  id,
  items: [
    { kind: 'append', slot: slot(0), entries: [entry(id)] },
    { kind: 'apply', slot: slot(0), entries: [entry(id)] },
  ],
});

const end = (disk: Disk): number => {
  const s = disk.content.slots.get(slot(0));
  return s === undefined ? 0 : endOf(s).seq;
};

function writeAll(schedule: Schedule, disk: Disk, upTo: number): void {
  for (let id = end(disk) + 1; id <= upTo; id++) {
    disk.write(
      append(id),
      () => {},
      () => {},
    );
    while (disk.busy) schedule.step();
  }
}

test('a batch is there when it is reported, and whole or not at all after a crash', () => {
  const fates = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const { schedule, disk } = stand('fsync', seed);
    writeAll(schedule, disk, 2);
    expect(end(disk)).toBe(2);
    disk.write(
      append(3),
      () => {},
      () => {},
    );
    disk.abandon();
    fates.add(end(disk));
    expect(disk.content.slots.get(slot(0))?.values.size).toBe(end(disk));
  }
  expect([...fates].sort()).toEqual([2, 3]);
});

test('a power cut under os takes the end of what was not flushed, and the store says up to where it is proven', () => {
  const ends = new Set<number>();
  for (let seed = 0; seed < 30; seed++) {
    const { schedule, disk } = stand('os', seed);
    writeAll(schedule, disk, 3);
    disk.flush();
    writeAll(schedule, disk, 6);
    disk.powerLoss();
    ends.add(end(disk));
    expect(disk.boot().slots[0]?.syncedEnd?.seq).toBe(3);
  }
  expect([...ends].sort()).toEqual([3, 4, 5, 6]);
});

test('under fsync a power cut takes nothing that was reported', () => {
  const { schedule, disk } = stand();
  writeAll(schedule, disk, 4);
  disk.powerLoss();
  expect(end(disk)).toBe(4);
  expect(disk.boot().slots[0]?.syncedEnd).toBeUndefined();
});

test('a failed write is reported once, and the batch may be there', () => {
  const { schedule, disk } = stand();
  disk.breakNext();
  let failed = '';
  disk.write(
    append(1),
    () => expect.unreachable(),
    (why) => {
      failed = why;
    },
  );
  while (failed === '') schedule.step();
  expect([0, 1]).toContain(end(disk));
});

test('what no store may do is refused', () => {
  const { schedule, disk } = stand();
  writeAll(schedule, disk, 1);
  disk.write(
    append(3),
    () => {},
    () => {},
  );
  expect(() => {
    while (disk.busy) schedule.step();
  }).toThrow('follows the end of its log');
});

test('a clone and a saved state are apart from what is written later', () => {
  const { schedule, disk } = stand();
  writeAll(schedule, disk, 2);
  const restore = disk.save();
  const clone = disk.clone();
  writeAll(schedule, disk, 4);
  expect(end(clone)).toBe(2);
  restore();
  expect(end(disk)).toBe(2);
});
