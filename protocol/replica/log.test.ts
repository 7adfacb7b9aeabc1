import { describe, expect, test } from 'vitest';
import { entryAt } from '../testing/samples.ts';
import { chainVersion, key, origin, seq } from '../words.ts';
import {
  appendEntry,
  createLog,
  itemAt,
  type Log,
  lastCommon,
  positionAt,
  release,
  trimTo,
  truncate,
  versionAt,
} from './log.ts';

/** A log whose n-th entry was made under the n-th version given, all of one key. */
function logOf(...versions: number[]): Log {
  const log = createLog(origin);
  for (const version of versions) {
    const entry = entryAt(log.end.seq + 1, {
      version: chainVersion(version),
      versionBefore: log.end.version,
    });
    appendEntry(log, entry);
  }
  return log;
}

describe('last common position', () => {
  const common = (a: Log, b: Log, from = 0) => lastCommon(a, b, seq(from));

  test('of equal logs is their end', () => {
    expect(common(logOf(1, 1, 2), logOf(1, 1, 2))).toEqual({ version: 2, seq: 3 });
  });
  test('of a log and its prefix is the prefix', () => {
    expect(common(logOf(1, 1), logOf(1, 1, 1, 2))).toEqual({ version: 1, seq: 2 });
  });
  test('stops where versions differ', () => {
    expect(common(logOf(1, 1, 1), logOf(1, 2, 2))).toEqual({ version: 1, seq: 1 });
  });
  test('is not fooled by equal ends over different beginnings (R1)', () => {
    expect(common(logOf(1, 2, 2, 3), logOf(1, 1, 2, 3))).toEqual({ version: 1, seq: 1 });
  });
  test('does not exist when the starting point differs', () => {
    expect(common(logOf(1, 1), logOf(2, 2), 2)).toBe(null);
  });
});

test('a drop takes the newest entries away and the ones below them come to light', () => {
  const log = logOf(1, 1, 2);
  expect(truncate(log, positionAt(log, seq(1))).map((i) => i.entry.seq)).toEqual([3, 2]);
  expect(log.end).toEqual({ version: 1, seq: 1 });
  expect(log.newest.get(key('k'))?.entry.seq).toBe(1);
  expect(versionAt(log, seq(2))).toBe(undefined);
});

test('memory is released from below and the log still knows its versions', () => {
  const log = logOf(1, 1, 2, 2);
  release(log, seq(3));
  expect(itemAt(log, seq(3))).toBe(undefined);
  expect(itemAt(log, seq(4))?.older).toBe(null);
  expect(positionAt(log, seq(2))).toEqual({ version: 1, seq: 2 });
  expect(log.heldBytes).toBe(itemAt(log, seq(4))?.entry.bytes.length);
  release(log, seq(4));
  expect(log.heldBytes).toBe(0);
});

test('a trimmed log answers for its start and what follows only', () => {
  const log = logOf(1, 1, 2, 3);
  trimTo(log, positionAt(log, seq(2)));
  expect(versionAt(log, seq(1))).toBe(undefined);
  expect(versionAt(log, seq(2))).toBe(1);
  expect(versionAt(log, seq(3))).toBe(2);
  expect(log.runs).toEqual([
    { version: 2, first: 3 },
    { version: 3, first: 4 },
  ]);
});
