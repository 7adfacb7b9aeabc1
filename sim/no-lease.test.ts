/** Without read leases: every strong read is proven by a barrier. Slower, and bound to no clock at all. */
import { expect, test } from 'vitest';
import { planOf } from './profile.ts';
import { run } from './run.ts';

const withoutLeases = (seed: number, faults?: []): ReturnType<typeof run> => {
  const plan = planOf(seed, faults === undefined ? {} : { faults });
  return run({ ...plan, timings: { ...plan.timings, readLeaseMs: 0 } });
};

test('barriers answer everybody', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const result = withoutLeases(seed, []);
    expect([seed, result.violation, result.excuse]).toEqual([seed, null, '']);
    // Some operations of some plans are refused with leases too. A read by barrier takes longer, so there are fewer of them.
    const leased = run(planOf(seed, { faults: [] }));
    expect(result.answered / result.operations).toBeGreaterThanOrEqual(
      (0.95 * leased.answered) / leased.operations,
    );
  }
});

test('and what they answer is right, whatever goes wrong', { timeout: 120_000 }, () => {
  for (let seed = 1; seed <= 25; seed++) expect([seed, withoutLeases(seed).violation]).toEqual([seed, null]);
});
