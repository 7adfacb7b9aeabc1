/** Stories of orders that a node's own knowledge contradicts, and of sets that come in pages (R44, R45). */
import { describe, expect, test } from 'vitest';
import { reportOf } from '../../protocol/replica/replica.ts';
import { chainVersion, nodeName, slot } from '../../protocol/words.ts';
import { put, Stage } from './stage.ts';

/** A chain of a and b at version 2, with one value. */
function chain(): Stage {
  const stage = new Stage(['a', 'b']);
  stage.order(2, ['a', 'b']);
  stage.run();
  const written = stage.ask('a', put('kept'));
  stage.run();
  expect(stage.reply(written)?.kind).toBe('written');
  return stage;
}

const without = (version: number, members: readonly string[]) => ({
  slot: slot(0),
  version: chainVersion(version),
  members: members.map((n, i) => ({ node: nodeName(n), incarnation: (900 + i) as never, address: `${n}:1` })),
  joiner: null,
  drop: true,
});

describe('R44: an order to erase data that a node knows better', () => {
  test('one that relies on a version below its own is refused and reported', () => {
    const stage = chain();
    stage.set('b', 50, [without(1, ['x', 'y'])]);
    stage.run();
    expect(reportOf(stage.replica('b'))).toMatchObject({ refused: 1, version: 2, state: 'serving' });
    expect(stage.replica('b').log.end.seq).toBe(1);
  });

  test('so is one that names other members of the version in which it serves', () => {
    const stage = chain();
    stage.set('b', 50, [without(2, ['x', 'y'])]);
    stage.run();
    expect(reportOf(stage.replica('b'))).toMatchObject({ refused: 2, version: 2, state: 'serving' });
    expect(stage.replica('b').log.end.seq).toBe(1);
  });

  test('the same after a restart, of which only the disk knows', () => {
    const stage = chain();
    stage.crash('b');
    stage.start('b');
    stage.set('b', 50, [without(2, ['x', 'y'])]);
    stage.run();
    expect(reportOf(stage.replica('b')).refused).toBe(2);
    expect(stage.replica('b').log.end.seq).toBe(1);
  });

  test('one that names a later version without it is carried out', () => {
    const stage = chain();
    stage.set('b', 50, [without(3, ['a', 'y'])]);
    stage.run();
    expect(reportOf(stage.replica('b'))).toMatchObject({ refused: 0, state: 'gone' });
    expect(stage.replica('b').log.end.seq).toBe(0);
  });
});

describe('R45: a set that comes in pages', () => {
  test('is held when all of its pages came in their order', () => {
    const stage = chain();
    const held = () => stage.told('b').revision;
    const before = held();
    stage.set('b', 60, [], 0, 2);
    stage.set('b', 60, [], 2, 0);
    stage.run();
    expect(held()).toBe(before);
    for (const page of [0, 1, 2]) stage.set('b', 60, [], page, 2 - page);
    stage.run();
    expect(held()).toBe(60);
  });
});
