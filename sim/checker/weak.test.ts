import { expect, test } from 'vitest';
import { at, done, failed, put, read, remove, unknown, weakRead } from './by-hand.ts';
import { checkHistory } from './check.ts';
import type { Get, HistoryRecord } from './history.ts';

const eventual: Get = { kind: 'get', level: 'eventual' };
const session: Get = { kind: 'get', level: 'session' };
const since = (token: string): Get => ({ kind: 'get', level: 'session', token: at(token) });
const bounded = (boundMs: number): Get => ({ kind: 'get', level: 'bounded', boundMs });

const a1 = done([1, 0, 1], put('a'), '1/1', null);
const b5 = done([1, 10, 11], put('b'), '1/5', '1/1');
const gone7 = done([1, 20, 21], remove(), '1/7', '1/5');
const all = [a1, b5, gone7];

test.each<readonly [string, boolean, readonly HistoryRecord[]]>([
  ['eventual: an old value', true, [...all, weakRead([2, 30, 31], eventual, 'a', '1/1')]],
  ['eventual: nothing, as before all writes', true, [...all, weakRead([2, 30, 31], eventual, null)]],
  [
    'eventual: back in time',
    true,
    [...all, weakRead([2, 30, 31], eventual, 'b', '1/5'), weakRead([2, 32, 33], eventual, 'a', '1/1')],
  ],
  ['eventual: a value that nobody wrote', false, [...all, weakRead([2, 30, 31], eventual, 'x', '1/6')]],
  ['eventual: a value of another position', false, [...all, weakRead([2, 30, 31], eventual, 'a', '1/5')]],
  ['eventual: a value at a delete', false, [...all, weakRead([2, 30, 31], eventual, 'b', '1/7')]],
  ['eventual: a write not called yet', false, [...all, weakRead([2, 5, 6], eventual, 'b', '1/5')]],
  [
    'eventual: another object version',
    false,
    [
      done([1, 0, 1], put('a'), '1/1', null, { objectVersion: 1 }),
      weakRead([2, 30, 31], eventual, 'a', '1/1', { objectVersion: 2 }),
    ],
  ],
  [
    'eventual: a failed write',
    false,
    [...all, failed([3, 12, 13], put('x')), weakRead([2, 30, 31], eventual, 'x', '1/6')],
  ],
  [
    'eventual: an unknown write',
    true,
    [...all, unknown(3, 12, put('x')), weakRead([2, 30, 31], eventual, 'x', '1/8')],
  ],
  [
    'eventual: an unknown write that a later write did not find',
    false,
    [a1, unknown(3, 2, put('x')), b5, weakRead([2, 12, 13], eventual, 'x', '1/3')],
  ],
  [
    'eventual: without a position, a value that was written',
    true,
    [...all, weakRead([2, 30, 31], eventual, 'b')],
  ],
  [
    'eventual: without a position, a value that was not',
    false,
    [...all, weakRead([2, 30, 31], eventual, 'x')],
  ],
  ['session: reads its own write', false, [a1, b5, weakRead([1, 30, 31], session, 'a', '1/1')]],
  ['session: others may lag', true, [a1, b5, weakRead([2, 30, 31], session, 'a', '1/1')]],
  [
    'session: never behind a strong read of its own',
    false,
    [a1, b5, read([2, 12, 13], 'b', '1/5'), weakRead([2, 30, 31], session, 'a', '1/1')],
  ],
  [
    'session: monotonic',
    false,
    [a1, b5, weakRead([2, 30, 31], session, 'b', '1/5'), weakRead([2, 32, 33], session, 'a', '1/1')],
  ],
  [
    'session: the token of another key does not ask for more than this key has',
    true,
    [a1, b5, weakRead([2, 30, 31], since('1/4'), 'a', '1/1')],
  ],
  ['session: older than the token', false, [a1, b5, weakRead([2, 30, 31], since('1/6'), 'a', '1/1')]],
  [
    'session: nothing, although the token covers a put',
    false,
    [a1, b5, weakRead([2, 30, 31], since('1/6'), null)],
  ],
  ['session: nothing, after the delete', true, [...all, weakRead([2, 30, 31], since('1/6'), null)]],
  [
    'session: nothing, then what was deleted before',
    false,
    [...all, weakRead([2, 30, 31], since('1/6'), null), weakRead([2, 32, 33], since('1/6'), 'b', '1/5')],
  ],
  [
    'session: nothing, by an unknown delete',
    true,
    [a1, unknown(3, 2, remove()), weakRead([1, 30, 31], session, null)],
  ],
  ['bounded: within the bound', true, [a1, b5, weakRead([2, 15, 16], bounded(5), 'a', '1/1')]],
  ['bounded: older than the bound', false, [a1, b5, weakRead([2, 30, 31], bounded(5), 'a', '1/1')]],
  ['bounded: nothing, older than the bound', false, [a1, b5, weakRead([2, 30, 31], bounded(5), null)]],
  ['bounded: nothing, as of the delete', true, [...all, weakRead([2, 30, 31], bounded(5), null)]],
  [
    'bounded: before the delete, within the bound',
    true,
    [...all, weakRead([2, 30, 31], bounded(10), 'b', '1/5')],
  ],
])('%s (%s)', (_, ok, records) => {
  const verdict = checkHistory(records, { searchEvery: 1 });
  expect(verdict.ok).toBe(ok);
  if (verdict.ok === true) return;
  expect(verdict.reason).toMatch(/^(eventual|session|bounded) get of client/);
  expect(verdict.operations).toContain(records.findLast(({ op }) => op.kind === 'get'));
});
