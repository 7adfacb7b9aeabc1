/** Stories of writes that a member lost without a trace: what it holds verifies, or is not there (10.8). */
import { describe, expect, test } from 'vitest';
import { makeEntry } from '../../protocol/entry.ts';
import { limits } from '../../protocol/limits.ts';
import type { PeerMessage } from '../../protocol/messages.ts';
import { verdictOf } from '../../protocol/replica/poll.ts';
import { key, slot } from '../../protocol/words.ts';
import { put, Stage } from './stage.ts';

const keys = Array.from({ length: 12 }, (_, i) => `k${10 + i}`);

/** A chain on which each key was written twice, and let go of. */
function written(names: readonly string[]): Stage {
  const stage = new Stage(names);
  stage.order(1, names, { to: names });
  stage.pass(300);
  stage.grant(...names);
  for (const round of ['1', '2']) {
    for (const k of keys) stage.ask(names[0] as string, put(`${k} ${round}`, { key: key(k) }));
    stage.pass(300);
  }
  for (const name of names) stage.trim(name, 2 * keys.length);
  return stage;
}

const valuesOf = (stage: Stage, name: string) => stage.actor(name).disk.slot(slot(0)).values;

const held = (stage: Stage, name: string, of = 'k15'): string | null => {
  const e = valuesOf(stage, name).get(key(of));
  return e === undefined ? null : new TextDecoder().decode(e.value);
};

const text = new TextEncoder();

/** The last write of the key never reached the disk of `name`. */
function loseWrite(stage: Stage, name: string, of = 'k15', to: string | null = `${of} 1`): void {
  const values = valuesOf(stage, name);
  const present = values.get(key(of));
  if (present === undefined || to === null) return void values.delete(key(of));
  const before = present.replaced;
  values.set(key(of), makeEntry({ ...present, ...before, objectVersion: 1, value: text.encode(to) }));
}

/** Each member reads and compares all that it holds. */
function scrubAll(stage: Stage, names: readonly string[], ms = 3000): void {
  for (const name of names) {
    stage.scrub(name);
    stage.pass(ms);
  }
}

const scrubOf = (stage: Stage, name: string) => stage.actor(name).core.view().scrub;

const words = ['scrub.differs', 'scrub.outvoted', 'scrub.undecided', 'scrub.conflict'];
const said = (stage: Stage, name: string): string[] =>
  stage.noticed(name).filter((notice) => words.includes(notice));

const three = ['a', 'b', 'c'];

describe('10.8: a lost write that verifies', () => {
  test.each(three)('lost by %s is found, and put right from the others', (name) => {
    const stage = written(three);
    loseWrite(stage, name);
    scrubAll(stage, three);
    expect(three.map((n) => held(stage, n))).toEqual(['k15 2', 'k15 2', 'k15 2']);
    expect(said(stage, name)).toContain('scrub.outvoted');
    expect(stage.read(name, 'k15')).toBe('k15 2');
    for (const n of three) {
      expect(stage.replica(n).pins.size).toBe(0);
      expect(stage.replica(n).damage.polls.size).toBe(0);
    }
  });

  test.each(['a', 'b'])('in a chain of two, lost by %s: the newer record is right', (name) => {
    const stage = written(['a', 'b']);
    loseWrite(stage, name);
    scrubAll(stage, ['a', 'b']);
    expect([held(stage, 'a'), held(stage, 'b')]).toEqual(['k15 2', 'k15 2']);
  });

  test('of all keys at once, more than are looked into at a time', () => {
    const stage = new Stage(three, {}, {}, { ...limits, repairs: 2 });
    stage.order(1, three, { to: three });
    stage.pass(300);
    stage.grant(...three);
    for (const round of ['1', '2']) {
      for (const k of keys) stage.ask('a', put(`${k} ${round}`, { key: key(k) }));
      stage.pass(300);
    }
    for (const name of three) stage.trim(name, 2 * keys.length);
    for (const k of keys) loseWrite(stage, 'b', k);
    scrubAll(stage, ['b'], 15_000);
    expect(keys.map((k) => held(stage, 'b', k))).toEqual(keys.map((k) => `${k} 2`));
    expect(scrubOf(stage, 'b')).toMatchObject({ differing: keys.length, passes: 1, undecided: 0 });
  });
});

describe('10.8: a key that some members hold and others do not', () => {
  test.each(three)('lost by %s alone comes back', (name) => {
    const stage = written(three);
    loseWrite(stage, name, 'k15', null);
    scrubAll(stage, three);
    expect(three.map((n) => held(stage, n))).toEqual(['k15 2', 'k15 2', 'k15 2']);
  });

  test.each(three)('a delete that %s alone lost is done again', (name) => {
    const stage = written(three);
    const kept = valuesOf(stage, name).get(key('k15'));
    stage.ask('a', put('', { key: key('k15'), op: 'delete' }));
    stage.pass(300);
    for (const n of three) stage.trim(n, 2 * keys.length + 1);
    if (kept !== undefined) valuesOf(stage, name).set(key('k15'), kept);
    scrubAll(stage, three);
    expect(three.map((n) => held(stage, n))).toEqual([null, null, null]);
  });

  test('in a chain of two nothing proves who is right: it is said, nothing is changed, and a write ends it', () => {
    const stage = written(['a', 'b']);
    loseWrite(stage, 'b', 'k15', null);
    scrubAll(stage, ['b']);
    expect([held(stage, 'a'), held(stage, 'b')]).toEqual(['k15 2', null]);
    expect(said(stage, 'b')).toEqual(['scrub.differs', 'scrub.undecided']);
    expect(scrubOf(stage, 'b')).toMatchObject({ differing: 1, undecided: 1 });
    stage.ask('a', put('3', { key: key('k15') }));
    stage.pass(300);
    scrubAll(stage, ['b']);
    expect([held(stage, 'a'), held(stage, 'b')]).toEqual(['3', '3']);
    expect(scrubOf(stage, 'b')).toMatchObject({ differing: 1, undecided: 0 });
  });
});

test('10.8: two records of one revision that both verify are reported, and neither is overwritten', () => {
  const stage = written(three);
  const present = valuesOf(stage, 'b').get(key('k15'));
  if (present === undefined) throw new Error('it was written');
  valuesOf(stage, 'b').set(key('k15'), makeEntry({ ...present, value: text.encode('other') }));
  scrubAll(stage, ['b']);
  expect(held(stage, 'b')).toBe('other');
  expect(said(stage, 'b')).toEqual(['scrub.differs', 'scrub.conflict']);
  expect(said(stage, 'a')).toEqual(['scrub.conflict']);
});

describe('10.8: no false alarm', () => {
  const quiet = (stage: Stage, names: readonly string[] = three): void => {
    for (const name of names) expect(said(stage, name)).toEqual([]);
  };

  test('of members that agree, and all of it is compared', () => {
    const stage = written(three);
    scrubAll(stage, three);
    quiet(stage);
    expect(scrubOf(stage, 'a').compared).toBe(0);
    for (const name of ['b', 'c'])
      expect(scrubOf(stage, name)).toMatchObject({ compared: keys.length, differing: 0, skipped: 0 });
  });

  test('while keys of the page are written, deleted and made during the comparison', () => {
    const stage = written(three);
    for (let i = 0; i < 6; i++) {
      stage.stallScans('b');
      stage.scrub('c');
      stage.ask('a', put(`x${i}`, { key: key('k15') }));
      stage.ask('a', put('', { key: key(`k1${i}`), op: 'delete' }));
      stage.ask('a', put('new', { key: key(`k1${i}x`) }));
      stage.pass(200);
      stage.trim('c', 2 * keys.length + 3 * (i + 1));
      stage.answerScans('b');
      stage.ask('a', put(`y${i}`, { key: key('k16') }));
      stage.pass(1500);
    }
    quiet(stage);
    expect(scrubOf(stage, 'c')).toMatchObject({ passes: 6, skipped: 0 });
  });

  test('when the predecessor has committed more than the member that compares, or less', () => {
    for (const wires of [['c>b'], ['c>b', 'c>a', 'b>a'], ['b>c']]) {
      const stage = written(three);
      stage.hold(...wires);
      stage.ask('a', put('3', { key: key('k15') }));
      stage.pass(200);
      for (const name of ['b', 'c']) stage.scrub(name);
      stage.pass(1000);
      stage.release(...wires);
      stage.pass(2000);
      quiet(stage);
      for (const name of ['b', 'c']) expect(scrubOf(stage, name).passes).toBe(1);
    }
  });

  test('when the predecessor has not heard of the newest commit yet', () => {
    const stage = written(three);
    stage.hold('c>b', 'c>a', 'b>a');
    stage.ask('a', put('3', { key: key('k15') }));
    stage.pass(200);
    expect(stage.replica('c').commit).toBeGreaterThan(stage.replica('b').commit);
    stage.scrub('c');
    const asked = new Set<PeerMessage>();
    for (let i = 0; i < 5; i++) {
      stage.pass(100);
      for (const m of stage.waiting('c>b')) {
        if (m.kind !== 'compareRequest' || asked.has(m)) continue;
        asked.add(m);
        stage.inject('c', 'b', m);
      }
    }
    expect(asked.size).toBeGreaterThan(1);
    quiet(stage);
    stage.release('c>b', 'c>a', 'b>a');
    stage.pass(2000);
    quiet(stage);
    expect(scrubOf(stage, 'c')).toMatchObject({ passes: 1, skipped: 0 });
  });

  test('a damaged record is repaired, and is no difference', () => {
    const stage = written(three);
    stage.rot('a', 'k15');
    stage.rot('c', 'k16');
    scrubAll(stage, three);
    quiet(stage);
    expect(scrubOf(stage, 'c')).toMatchObject({ damaged: 1, differing: 0 });
  });

  test('a predecessor that never answers is passed by, and it is counted', () => {
    const stage = written(three);
    stage.stallScans('b');
    stage.scrub('c');
    stage.pass(25_000);
    quiet(stage);
    expect(scrubOf(stage, 'c')).toMatchObject({ passes: 1, compared: 0, skipped: 1 });
    expect(stage.replica('c').pins.size).toBe(0);
  });
});

test('10.8: what members hold decides, and what is not proven is left alone', () => {
  const stage = written(['a']);
  const [old, now] = ['k10', 'k11'].map((k) => valuesOf(stage, 'a').get(key(k)));
  if (old === undefined || now === undefined) throw new Error('they were written');
  expect(verdictOf([old, now])).toBe(now);
  expect(verdictOf([now, old, old])).toBe(now);
  expect(verdictOf([now, null])).toBe('undecided');
  expect(verdictOf([now, null, null])).toBe(null);
  expect(verdictOf([now, now, null])).toBe(now);
  expect(verdictOf([now, null, 'damaged'])).toBe('undecided');
  expect(verdictOf([now, old, null])).toBe('undecided');
  expect(verdictOf([null, null])).toBe(null);
});
