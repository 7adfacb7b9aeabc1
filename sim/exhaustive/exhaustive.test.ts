import { expect, test } from 'vitest';
import { explore } from './explore.ts';
import { scopeWords } from './main.ts';
import type { Scope } from './world.ts';

const two: Scope = {
  members: 2,
  writes: 1,
  crashes: 1,
  changes: 1,
  breaks: 0,
  reads: 0,
  leases: true,
  staleOrders: false,
};
const slow = 120_000;

test(`every interleaving: ${scopeWords(two)}`, { timeout: slow }, () => {
  const found = explore(two);
  expect(found.broken).toBe(null);
  expect(found.complete).toBe(true);
  expect(found.states).toBeGreaterThan(20_000);
});

// The whole scope is for `npm run sim -- --exhaustive`.
const three: Scope = { ...two, members: 3 };

test(`the first states: ${scopeWords(three)}`, { timeout: slow }, () => {
  const found = explore(three, 10_000);
  expect(found.broken).toBe(null);
  expect(found.states).toBe(10_000);
});
