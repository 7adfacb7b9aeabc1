import { describe, expect, test } from 'vitest';
import { bruteForce } from './brute.ts';
import { add, blind, done, failed, put, read, refused, remove, unknown, when } from './by-hand.ts';
import { checkHistory, checkPositions, checkValues } from './check.ts';
import type { HistoryRecord } from './history.ts';
import { splitByKey } from './prepare.ts';

/** [what happened, verdict with positions, verdict by values alone, history] */
type Row = readonly [string, boolean, boolean, readonly HistoryRecord[]];

const a1 = done([1, 0, 1], put('a'), '1/1', null);
const b2 = done([1, 2, 3], put('b'), '1/2', '1/1');

const reads: Row[] = [
  ['a key nobody wrote is absent', true, true, [read([1, 0, 1], null)]],
  ['a read of the write before it', true, true, [a1, read([2, 2, 3], 'a', '1/1')]],
  ['a stale read', false, false, [a1, b2, read([2, 4, 5], 'a', '1/1')]],
  ['an old value while the next write is open', true, true, [a1, b2, read([2, 2, 3], 'a', '1/1')]],
  ['a return at the time of a call counts as concurrent', true, true, [a1, b2, read([2, 3, 5], 'a', '1/1')]],
  ['a read that sees nothing after an acknowledged put', false, false, [a1, read([2, 2, 3], null)]],
  ['a value that nobody wrote', false, false, [a1, read([2, 2, 3], 'x', '1/2')]],
  ['a read from the future', false, false, [read([2, 0, 1], 'b', '1/2'), a1, b2]],
  [
    'new then old, while the write is open',
    false,
    false,
    [a1, done([1, 2, 9], put('b'), '1/2', '1/1'), read([2, 3, 4], 'b', '1/2'), read([2, 5, 6], 'a', '1/1')],
  ],
  [
    'old then new, while the write is open',
    true,
    true,
    [a1, done([1, 2, 9], put('b'), '1/2', '1/1'), read([2, 3, 4], 'a', '1/1'), read([2, 5, 6], 'b', '1/2')],
  ],
  ['the right value at a wrong position', false, true, [a1, b2, read([2, 4, 5], 'b', '1/1')]],
  [
    'an object version that does not count the writes',
    false,
    true,
    [a1, b2, read([2, 4, 5], 'b', '1/2', { objectVersion: 3 })],
  ],
  [
    'two time stamps at one position',
    false,
    true,
    [a1, read([2, 2, 3], 'a', '1/1', { updated: 7 }), read([2, 4, 5], 'a', '1/1', { updated: 8 })],
  ],
];

const writes: Row[] = [
  ['one position for two writes', false, true, [a1, blind([2, 0, 3], put('b'), '1/1')]],
  [
    'a later write before an earlier one',
    false,
    true,
    [blind([1, 0, 1], put('a'), '1/5'), blind([1, 2, 3], put('b'), '1/4')],
  ],
  [
    'a higher version comes later, whatever its clients saw first',
    true,
    true,
    [
      done([1, 0, 9], put('a'), '2/8', '1/7'),
      done([2, 0, 9], put('b'), '1/7', null),
      read([3, 10, 11], 'a', '2/8'),
    ],
  ],
  ['a new head that gives a number again', false, true, [a1, done([1, 2, 3], put('b'), '2/1', '1/1')]],
  [
    'a lost write, told by what the next one replaced',
    false,
    true,
    [a1, b2, done([1, 4, 5], put('c'), '1/3', '1/1')],
  ],
  [
    'a write that replaced one after it',
    false,
    true,
    [done([1, 0, 9], put('a'), '1/1', '1/2'), blind([2, 0, 9], put('b'), '1/2')],
  ],
  ['two writes that both found nothing', false, false, [a1, done([2, 0, 1], put('b'), '1/2', null)]],
  [
    'a delete ends the value',
    true,
    true,
    [a1, done([1, 2, 3], remove(), '1/2', '1/1'), read([1, 4, 5], null)],
  ],
  [
    'a resurrected value',
    false,
    false,
    [a1, done([1, 2, 3], remove(), '1/2', '1/1'), read([1, 4, 5], 'a', '1/1')],
  ],
  [
    'a value at the position of a delete',
    false,
    true,
    [a1, done([1, 2, 9], remove(), '1/2', '1/1'), read([2, 4, 5], 'a', '1/2')],
  ],
  [
    'a delete that says it found nothing',
    false,
    false,
    [a1, done([1, 2, 3], remove(), '1/2', null, { existed: false })],
  ],
  [
    'a delete of nothing that logged nothing',
    true,
    true,
    [{ client: 1, key: 'k', call: 0, ret: 1, op: remove(), result: { kind: 'ok', existed: false } }],
  ],
  [
    'a delete that logged nothing although there was a value',
    false,
    false,
    [a1, { client: 1, key: 'k', call: 2, ret: 3, op: remove(), result: { kind: 'ok', existed: false } }],
  ],
  [
    'the object version starts again after a delete',
    true,
    true,
    [
      a1,
      done([1, 2, 3], remove(), '1/2', '1/1'),
      done([1, 4, 5], put('b'), '1/3', null, { objectVersion: 1 }),
    ],
  ],
];

const counters: Row[] = [
  [
    'adds that follow each other',
    true,
    true,
    [
      done([1, 0, 1], add(2), '1/1', null, { value: 2 }),
      done([1, 2, 3], add(3), '1/2', '1/1', { value: 5 }),
      read([1, 4, 5], '5', '1/2'),
    ],
  ],
  [
    'two adds with one result',
    false,
    false,
    [done([1, 0, 5], add(1), '1/1', null, { value: 1 }), done([2, 0, 5], add(1), '1/2', '1/1', { value: 1 })],
  ],
  [
    'a double add',
    false,
    false,
    [done([1, 0, 1], add(1), '1/1', null, { value: 1 }), read([1, 2, 3], '2', '1/2')],
  ],
  [
    'an add on a value that is no number',
    false,
    false,
    [a1, done([1, 2, 3], add(1), '1/2', '1/1', { value: 1 })],
  ],
  [
    'an unanswered add that shows in the next',
    true,
    true,
    [unknown(1, 0, add(2)), done([2, 1, 3], add(3), '1/4', '1/2', { value: 5 })],
  ],
  [
    'an unanswered add that counts once but shows twice',
    false,
    false,
    [unknown(1, 0, add(2)), done([2, 1, 3], add(3), '1/4', '1/2', { value: 5 }), read([2, 4, 5], '7', '1/5')],
  ],
];

const conditional: Row[] = [
  [
    'a compare-and-set that wins',
    true,
    true,
    [a1, done([1, 2, 3], put('b', when('version eq 1')), '1/2', '1/1')],
  ],
  [
    'two compare-and-sets that both win',
    false,
    false,
    [
      a1,
      done([1, 2, 9], put('b', when('version eq 1')), '1/2', '1/1'),
      done([2, 2, 9], put('c', when('version eq 1')), '1/3', '1/1'),
    ],
  ],
  [
    'two creations that both win',
    false,
    false,
    [
      done([1, 0, 9], put('a', when('exists eq 0')), '1/1', null),
      done([2, 0, 9], put('b', when('exists eq 0')), '1/2', '1/1'),
    ],
  ],
  [
    'a refusal of what was already changed',
    true,
    true,
    [a1, b2, refused([2, 4, 5], put('c', when('version eq 1')), '1/2', 'b')],
  ],
  [
    'a refusal although the condition held',
    false,
    false,
    [a1, refused([1, 2, 3], put('b', when('exists eq 1')), '1/1', 'a')],
  ],
  [
    'a refusal that saw an old state',
    false,
    false,
    [a1, b2, refused([2, 4, 5], put('c', when('exists eq 0')), '1/1', 'a')],
  ],
  [
    'a refusal that saw nothing where there was a value',
    false,
    false,
    [a1, refused([2, 4, 5], put('c', when('exists eq 1')), null)],
  ],
  [
    'a refusal without a word on what it saw',
    true,
    true,
    [
      a1,
      {
        client: 1,
        key: 'k',
        call: 2,
        ret: 3,
        op: put('b', when('version gt 1')),
        result: { kind: 'refused' },
      },
    ],
  ],
  [
    'a refusal without a word, where nothing justifies it',
    false,
    false,
    [
      a1,
      {
        client: 1,
        key: 'k',
        call: 2,
        ret: 3,
        op: put('b', when('version ge 1')),
        result: { kind: 'refused' },
      },
    ],
  ],
  [
    'conditions are ANDed',
    false,
    false,
    [a1, done([1, 2, 3], put('b', when('exists eq 1'), when('version eq 2')), '1/2', '1/1')],
  ],
  [
    'a revision is a sequence',
    true,
    true,
    [blind([1, 0, 1], put('a'), '3/7'), done([1, 2, 3], put('b', when('revision eq 7')), '3/9', '3/7')],
  ],
  [
    'a success against a newer revision',
    false,
    false,
    [blind([1, 0, 1], put('a'), '3/7'), done([1, 2, 3], put('b', when('revision lt 7')), '3/9', '3/7')],
  ],
  [
    'a time stamp that reads told',
    false,
    false,
    [
      a1,
      read([1, 2, 3], 'a', '1/1', { updated: 50 }),
      done([1, 4, 5], put('b', when('updated gt 50')), '1/2', '1/1'),
    ],
  ],
];

const unanswered: Row[] = [
  [
    'an unknown write that never happened',
    true,
    true,
    [a1, unknown(2, 2, put('b')), read([1, 4, 5], 'a', '1/1')],
  ],
  ['an unknown write that happened', true, true, [a1, unknown(2, 2, put('b')), read([1, 4, 5], 'b', '1/2')]],
  [
    'an unknown write seen before its call',
    false,
    false,
    [a1, read([1, 2, 3], 'b', '1/2'), unknown(2, 4, put('b'))],
  ],
  [
    'an unknown write that came and went',
    false,
    false,
    [a1, unknown(2, 2, put('b')), read([1, 4, 5], 'b', '1/2'), read([1, 6, 7], 'a', '1/1')],
  ],
  [
    'an unknown write that took effect after a later one',
    true,
    true,
    [a1, unknown(2, 2, put('x')), b2, read([1, 4, 5], 'b', '1/2'), read([1, 6, 7], 'x', '1/3')],
  ],
  [
    'one unknown write seen at two positions',
    false,
    true,
    [a1, unknown(2, 2, put('x')), read([1, 4, 5], 'x', '1/2'), read([1, 6, 7], 'x', '1/3')],
  ],
  ['an unknown delete explains an absence', true, true, [a1, unknown(2, 2, remove()), read([1, 4, 5], null)]],
  [
    'an unknown delete between neighbours in the log',
    false,
    true,
    [a1, unknown(2, 2, remove()), done([1, 4, 5], put('b'), '1/2', null)],
  ],
  [
    'an unknown delete with room in the log',
    true,
    true,
    [a1, unknown(2, 2, remove()), done([1, 4, 5], put('b'), '1/3', null)],
  ],
  [
    'an unknown conditional put whose condition never held',
    false,
    false,
    [a1, unknown(2, 2, put('b', when('exists eq 0'))), read([1, 4, 5], 'b', '1/2')],
  ],
  [
    'a failed write that is seen',
    false,
    false,
    [a1, failed([2, 2, 3], put('b')), read([1, 4, 5], 'b', '1/2')],
  ],
  [
    'a failed write that is not seen',
    true,
    true,
    [a1, failed([2, 2, 3], put('b')), read([1, 4, 5], 'a', '1/1')],
  ],
  [
    'a failed write whose value another one wrote',
    true,
    true,
    [failed([2, 0, 1], put('a')), done([1, 2, 3], put('a'), '1/1', null), read([1, 4, 5], 'a', '1/1')],
  ],
];

describe.each([
  ['reads', reads],
  ['writes', writes],
  ['counters', counters],
  ['conditions and refusals', conditional],
  ['unanswered and failed writes', unanswered],
] as const)('%s', (_, rows) => {
  test.each(rows)('%s (positions: %s, values: %s)', (_name, byPositions, byValues, records) => {
    const [history] = splitByKey(records);
    const verdicts = [checkPositions(history!, 10_000), checkValues(history!, 10_000)];
    expect(verdicts.map(({ ok }) => ok)).toEqual([byPositions, byValues]);
    expect([bruteForce(records, true), bruteForce(records, false)]).toEqual([byPositions, byValues]);
    for (const verdict of verdicts) {
      if (verdict.ok === true) continue;
      expect(verdict.key).toBe('k');
      expect(verdict.operations.length).toBeGreaterThan(0);
      expect(verdict.reason).toMatch(/client \d|sequence/);
    }
  });
});

test('the verdict names the key and shows the calls', () => {
  const elsewhere: HistoryRecord = { ...read([7, 0, 1], null), key: 'other' };
  const stale = read([2, 4, 5], 'a', '1/1');
  expect(checkHistory([elsewhere, a1, b2, stale], { searchEvery: 0 })).toEqual({
    ok: false,
    key: 'k',
    reason:
      'strong get of client 2 [4, 5] (found "a" at 1/1) came after put "b" of client 1 [2, 3] (done at 1/2, replaced 1/1)' +
      ' had returned, but its position is not after it',
    operations: [b2, stale],
  });
});

test('a failed write that was seen is named', () => {
  const ghost = failed([2, 2, 3], put('b'));
  const verdict = checkHistory([a1, ghost, unknown(3, 2, remove()), read([1, 4, 5], 'b', '1/2')]);
  expect(verdict).toMatchObject({
    ok: false,
    reason: expect.stringContaining('put "b" of client 2 [2, 3] (failed)'),
  });
});

test('an exhausted budget is no pass, and a violation elsewhere wins over it', () => {
  const open = Array.from({ length: 9 }, (_, client) =>
    blind([client, 0, 9], put(`v${client}`), `1/${client + 1}`),
  );
  const hard = [...open, read([20, 10, 11], 'v0'), read([20, 12, 13], 'v1')].map((record) => ({
    ...record,
    key: 'hard',
  }));
  const [history] = splitByKey(hard);
  expect(checkValues(history!, 50).ok).toBe('unknown');
  expect(checkValues(history!, 1_000_000).ok).toBe(false);
  const fine = hard.slice(0, 9);
  const doubtful = [...fine, { ...read([20, 10, 11], 'v8', '1/9'), key: 'hard' }];
  expect(checkHistory(doubtful, { stepsMax: 5, searchEvery: 1 })).toMatchObject({
    ok: 'unknown',
    key: 'hard',
  });
  expect(
    checkHistory([...doubtful, read([30, 0, 1], 'x', '1/1')], { stepsMax: 5, searchEvery: 1 }),
  ).toMatchObject({
    ok: false,
    key: 'k',
  });
});

test.each([
  ['a return before its call', [read([1, 3, 2], null)]],
  ['two open calls of one client', [read([1, 0, 5], null), read([1, 4, 6], null)]],
  ['a call of a client whose last call never returned', [unknown(1, 0, put('a')), read([1, 4, 6], null)]],
  ['an answer that never returned', [read([1, 0, Number.POSITIVE_INFINITY], null)]],
  ['a put without a position', [{ ...a1, result: { kind: 'ok' } } as HistoryRecord]],
])('refuses as malformed: %s', (_, records) => {
  expect(() => checkHistory(records)).toThrow(/malformed history of key "k".*mend the recorder/);
});
