import { expect, test } from 'vitest';
import { bruteForce } from './brute.ts';
import { checkHistory, checkPositions, checkValues } from './check.ts';
import { splitByKey } from './prepare.ts';
import type { Fault, Plan } from './random-calls.ts';
import { randomFrom } from './random-calls.ts';
import { randomHistory } from './random-history.ts';
import { scramble } from './scramble.ts';

const busy: Omit<Plan, 'seed'> = {
  clients: 6,
  operations: 400,
  keys: 4,
  failedRate: 0.04,
  conditionRate: 0.2,
};

test('accepts every history of a correct store', () => {
  for (let seed = 0; seed < 500; seed++) {
    const addRate = seed % 2 ? 0.2 : 0;
    const { records } = randomHistory({
      ...busy,
      seed,
      addRate,
      unknownRate: 0.04,
      weakRate: 0.3,
      fewValues: seed % 3 === 0,
    });
    expect(checkHistory(records, { searchEvery: 1 }), `seed ${seed}`).toEqual({ ok: true });
  }
});

/** Smallest share of the effective faults that the search by values alone must find; what only positions show is beyond it. */
const faults: readonly (readonly [Fault, number])[] = [
  ['stale read', 0.95],
  ['resurrected', 0.95],
  ['lost write', 0.75],
  ['reordered', 0.8],
  ['double add', 0.7],
  ['wrong refusal', 0.95],
  ['wrong success', 0.95],
  ['failed write applied', 0.99],
  ['dirty read', 0.7],
];

test.each(faults)('rejects a history with one fault: %s', (fault, shareByValues) => {
  const found = { effective: 0, byPositions: 0, byValues: 0 };
  for (let seed = 0; seed < 300; seed++) {
    const unknownRate = seed % 2 ? 0.04 : 0;
    const { records, faulty } = randomHistory({
      ...busy,
      operations: 150,
      seed,
      addRate: 0.1,
      unknownRate,
      fault,
    });
    const history = splitByKey(records).find(({ key }) => key === faulty);
    if (history === undefined) continue;
    found.effective++;
    if (checkPositions(history, 1_000_000).ok === false) found.byPositions++;
    if (checkValues(history, 1_000_000).ok === false) found.byValues++;
  }
  expect(found.effective).toBeGreaterThan(100);
  expect(found.byPositions / found.effective).toBeGreaterThanOrEqual(0.99);
  expect(found.byValues / found.effective).toBeGreaterThanOrEqual(shareByValues);
});

test('agrees with brute force over all orders on 100,000 small histories', { timeout: 60_000 }, () => {
  const legal = { byPositions: 0, byValues: 0 };
  for (let seed = 0; seed < 100_000; seed++) {
    const random = randomFrom(seed * 7 + 1);
    const small = { seed, clients: 3, operations: 2 + (seed % 5), keys: 1, openMax: 6, fewValues: true };
    const rates = {
      unknownRate: random() * 0.5,
      addRate: random() * 0.5,
      conditionRate: 0.3,
      failedRate: 0.05,
    };
    const records = scramble(randomHistory({ ...small, ...rates }).records, random);
    const [history] = splitByKey(records);
    const expected = [bruteForce(records, true), bruteForce(records, false)];
    const actual = [checkPositions(history!, 100_000).ok, checkValues(history!, 100_000).ok];
    if (actual[0] !== expected[0] || actual[1] !== expected[1]) {
      expect(actual, `seed ${seed}: ${JSON.stringify(records)}`).toEqual(expected);
    }
    // An order that agrees with all positions is an order by values too.
    expect(expected[0] && !expected[1]).toBe(false);
    if (expected[0]) legal.byPositions++;
    if (expected[1]) legal.byValues++;
  }
  expect(legal.byPositions).toBeGreaterThan(20_000);
  expect(legal.byPositions).toBeLessThan(80_000);
  expect(legal.byValues).toBeGreaterThan(legal.byPositions);
  expect(legal.byValues).toBeLessThan(80_000);
});

test('gives the same verdict and the same words twice', () => {
  for (const fault of ['stale read', 'lost write'] as const) {
    const { records } = randomHistory({ ...busy, seed: 11, unknownRate: 0.04, fault });
    expect(checkHistory(records)).toEqual(checkHistory(structuredClone(records)));
  }
});
