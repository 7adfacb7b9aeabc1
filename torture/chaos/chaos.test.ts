/**
 * Short runs of a whole cluster in this process with late stores and held links: a member is replaced by a blank one, or
 * started anew, while clients write hot keys and keys that are being copied. After each, all members are compared key by
 * key, with each other and with what was acknowledged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, test } from 'vitest';
import type { Random } from '../../sim/random.ts';
import { ChaosLab, type LabPlan, names } from './lab.ts';

const rounds = Number(process.env.CHAOS_ROUNDS ?? 20);
/** A node that dies more often than a few times a minute gets no replicas for a while. */
const roundsOfCluster = 5;
const firstSeed = Number(process.env.CHAOS_SEED ?? 1);

const plans: readonly (readonly [string, Omit<LabPlan, 'seed'>])[] = [
  ['late scans', { slots: 1, durability: 'fsync', coldKeys: 60, readMs: 20, writeMs: 0 }],
  ['late scans, os', { slots: 2, durability: 'os', coldKeys: 60, readMs: 30, writeMs: 1 }],
  ['late files', { slots: 2, durability: 'os', coldKeys: 40, readMs: 5, writeMs: 10 }],
  ['everything late', { slots: 4, durability: 'os', coldKeys: 80, readMs: 40, writeMs: 4 }],
];

// Side by side: most of a round is waiting.
describe.concurrent.each(plans)('%s', (_name, plan) => {
  test(`${rounds} joins under writes leave all members with the same and with all of it`, {
    timeout: 900_000,
  }, async ({ expect }) => {
    for (let done = 0; done < rounds; done += roundsOfCluster) {
      const seed = firstSeed + done;
      const lab = await ChaosLab.start({ ...plan, seed });
      try {
        const own = Math.min(roundsOfCluster, rounds - done);
        for (let round = 0; round < own; round++) {
          await oneRound(lab, lab.random.fork());
          expect(lab.wrong.slice(0, 5), `round ${round} of seed ${seed}`).toEqual([]);
        }
        expect(lab.unkind.late).toBeGreaterThan(own / 2);
        expect(lab.writes).toBeGreaterThan(own * 10);
        expect(lab.reads).toBeGreaterThan(own);
      } finally {
        await lab.end();
      }
    }
  });
});

async function oneRound(lab: ChaosLab, random: Random): Promise<void> {
  lab.begin();
  const victim = random.pick(lab.steady);
  const held = holdLinks(lab, random);
  // A member that comes back with its data takes the other ways through the code: catching up by log.
  if (random.chance(0.8)) await lab.wipe(victim, random.between(0, 60));
  else await lab.restart(victim, random.between(0, 60));
  const others = lab.steady.filter((name) => name !== victim);
  if (others.length > 0 && random.chance(0.3)) {
    await sleep(random.between(0, 300));
    await lab.restart(random.pick(others), random.between(0, 60));
  }
  await held;
  await lab.full();
  await lab.quiet();
  await lab.compare();
}

/** Now and then the bytes from one member to another stand still for a while. */
async function holdLinks(lab: ChaosLab, random: Random): Promise<void> {
  for (let i = 0; i < 4; i++) {
    await sleep(random.between(0, 100));
    const from = random.pick(names);
    const to = random.pick(names.filter((name) => name !== from));
    lab.network.set(from, to, { held: true });
    await sleep(random.between(5, 120));
    lab.network.set(from, to, { held: false, delayMs: random.pick([0, 0, 3, 15]) });
  }
  lab.network.mendAll();
}
