/** Stories of pages of values (rule 3.1): each holds what was acknowledged before it was asked for, or is not given. */
import { expect, test } from 'vitest';
import { key } from '../../protocol/words.ts';
import { put, Stage } from './stage.ts';

function chainOf(...names: string[]): Stage {
  const stage = new Stage(names);
  stage.order(1, names);
  stage.run();
  stage.grant(...names);
  return stage;
}

function write(stage: Stage, at: string, value: string, of = 'k', op: 'put' | 'delete' = 'put'): void {
  const tag = stage.ask(at, put(value, { key: key(of), op }));
  stage.run();
  expect(stage.reply(tag)).toMatchObject({ kind: 'written' });
}

function page(stage: Stage, at: string): string[] | string {
  const tag = stage.askPage(at);
  stage.run();
  return stage.page(tag);
}

test('3.1: a page holds what is committed, and lacks what is deleted, before the disk says so', () => {
  const stage = chainOf('a', 'b', 'c');
  write(stage, 'a', '1');
  write(stage, 'a', 'x', 'gone');
  stage.pass(100);
  write(stage, 'a', '2');
  write(stage, 'a', '', 'gone', 'delete');
  for (const name of ['a', 'b', 'c']) {
    expect(stage.actor(name).disk.slot(stage.replica(name).slot).values.size).toBe(2);
    expect(page(stage, name)).toEqual(['k 2']);
  }
});

test('3.1: a member that did not hear of a commit asks the tail', () => {
  const stage = chainOf('a', 'b', 'c');
  stage.hold('c>b');
  write(stage, 'a', '1');
  expect(stage.replica('b').commit).toBe(0);
  const tag = stage.askPage('b');
  stage.run();
  expect(stage.page(tag)).toBe('no answer');
  stage.release('c>b');
  stage.run();
  expect(stage.page(tag)).toEqual(['k 1']);
});

test('3.1: a member that was left out gives no page, with or without its lease', () => {
  const stage = chainOf('a', 'b');
  write(stage, 'a', '1');
  stage.isolate('b');
  stage.expire('b');
  stage.order(2, ['a'], { to: ['a'] });
  stage.run();
  write(stage, 'a', '2');
  const tag = stage.askPage('b');
  stage.run();
  expect(stage.page(tag)).toBe('no answer');
  stage.pass(11_000);
  expect(stage.page(tag)).toBe('NOT_READY');
  expect(page(stage, 'a')).toEqual(['k 2']);
});

test('3.1: without a lease a barrier proves it', () => {
  const stage = chainOf('a', 'b', 'c');
  write(stage, 'a', '1');
  stage.expire('b');
  expect(page(stage, 'b')).toEqual(['k 1']);
});

test('3.1: a scan that takes time shows no less than what was acknowledged before (R42)', () => {
  const stage = chainOf('a', 'b');
  stage.stallScans('b');
  write(stage, 'a', '1');
  // The scan begins before the effect is on disk, and ends long after it left the memory otherwise.
  const tag = stage.askPage('b');
  stage.pass(1000);
  write(stage, 'a', 'other', 'l');
  stage.pass(1000);
  expect(stage.replica('b').appliedDisk).toBe(2);
  stage.answerScans('b');
  stage.run();
  expect(stage.page(tag)).toEqual(['k 1', 'l other']);
});

test('3.1: after a scan the lease is looked at again (P20)', () => {
  const stage = chainOf('a', 'b');
  write(stage, 'a', '1');
  stage.stallScans('b');
  const tag = stage.askPage('b');
  stage.run();
  stage.isolate('b');
  stage.expire('b');
  stage.answerScans('b');
  stage.run();
  expect(stage.page(tag)).toBe('no answer');
});

test('3.1: a chain that changed during a scan gives no page', () => {
  const stage = chainOf('a', 'b');
  write(stage, 'a', '1');
  stage.stallScans('b');
  // A page that a barrier proved does not hang on the lease.
  stage.expire('b');
  const tag = stage.askPage('b');
  stage.run();
  expect(stage.scansUnderWay('b')).toBe(1);
  stage.order(2, ['a']);
  stage.run();
  stage.answerScans('b');
  stage.run();
  expect(stage.page(tag)).toBe('NOT_READY');
});

test('3.1: pages are cut, and only some are read at once', () => {
  const stage = chainOf('a');
  for (const of of ['k', 'l', 'm']) write(stage, 'a', of, of);
  const first = stage.askPage('a', null, 1);
  expect(stage.page(first)).toEqual(['k k']);
  const second = stage.askPage('a', key('k'), 1);
  expect(stage.page(second)).toEqual(['l l']);
  stage.stallScans('a');
  const tags = [1, 2, 3, 4, 5].map(() => stage.askPage('a'));
  expect(tags.map((tag) => stage.page(tag))).toEqual([...Array(4).fill('no answer'), 'OVERLOADED']);
  // What the store does not answer is given up, and still counts until it ends.
  stage.pass(11_000);
  expect(tags.map((tag) => stage.page(tag))).toEqual([...Array(4).fill('NOT_READY'), 'OVERLOADED']);
  expect(stage.page(stage.askPage('a'))).toBe('OVERLOADED');
  stage.answerScans('a');
  expect(stage.page(stage.askPage('a'))).toEqual(['k k', 'l l', 'm m']);
});
