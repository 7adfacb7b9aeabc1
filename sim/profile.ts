/** Draws the plan of a run from its seed, swarm style: each seed switches whole classes of faults on or off. */
import { defaultTimings, type Timings } from '../protocol/timings.ts';
import { type FaultClass, faultClasses } from './faults/classes.ts';
import type { Plan } from './plan.ts';
import { createRandom, type Random, streamOf } from './random.ts';
import { pickLimits } from './tight.ts';

const manySlots = 64;

/** The plan of a seed; `change` sets what a targeted run wants otherwise. */
export function planOf(seed: number, change: Partial<Plan> = {}): Plan {
  // Other draws than those of the run itself, which begins with the same seed.
  const random = createRandom(seed + 0x5eed * 4294967296);
  const replicationFactor = random.pick([1, 2, 2, 3, 3, 3, 3, 4]);
  const nodes = Math.max(replicationFactor, 2) + random.int(3);
  const os = random.chance(0.25);
  // Many slots cost much time, so few runs have them.
  const slots = random.chance(0.005) ? manySlots : random.pick([1, 1, 2, 2, 3, 4]);
  const widths = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 10_000, 1000, 100];
  const plan: Plan = {
    seed,
    nodes,
    slots,
    replicationFactor,
    coordinators: random.pick([1, 2, 2, 3]),
    clients: 3 + random.int(6),
    operations: 100 + random.int(200),
    thinkMs: [random.pick([10, 30, 80]), random.pick([100, 400])],
    timings: pickTimings(random),
    tickMs: random.pick([20, 25, 40]),
    workload: {
      keys: random.pick([1, 10, 10, 1000]),
      reads: random.pick([0.3, 0.5, 0.7]),
      weakReads: random.pick([0, 0.2, 0.5]),
      conditions: random.pick([0, 0.2, 0.6]),
      deletes: random.pick([0, 0.1, 0.3]),
      adds: random.pick([0, 0.15]),
      valueBytes: random.pick([0, 100, 100_000]),
    },
    network: {
      delayMs: random.pick([0.05, 0.2, 2]),
      spreadMs: random.pick([0.2, 2, 10]),
      noticeMs: 600,
      late: random.pick([0, 0.2, 0.6]),
      lateMs: random.pick([50, 1000, 4000]),
      repeat: random.pick([0, 0.2, 0.6]),
      // What members of many chains say to each other while nobody writes would fill the narrowest.
      bytesPerMs: Math.max(random.pick(widths), slots === manySlots ? 1000 : 0),
      queueBytes: random.pick([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 100_000, 5000]),
    },
    disk: {
      durability: os ? 'os' : 'fsync',
      writeMs: random.pick([0.1, 1, 8]),
      spreadMs: random.pick([0.2, 3, 30]),
      scanMs: random.pick([1, 30, 200, 1500]),
    },
    faults: pickFaults(random, seed),
    faultEveryMs: random.pick([80, 200, 500]),
    faultForMs: random.pick([
      [10, 500],
      [100, 3000],
      [500, 8000],
    ] as const),
    durationMs: random.pick([6000, 12_000, 20_000]),
    concurrentMoves: 1 + random.int(3),
    patienceMs: random.pick([1500, 4000]),
    limits: pickLimits(random),
    trimEveryMs: random.pick([0, 300, 2000]),
    osRestart: streamOf(seed, 'osRestart').pick(['wait', 'longestLog']),
    listEveryMs: streamOf(seed, 'lists').pick([0, 0, 0, 300, 1500]),
  };
  // Drawn last, so that a seed without it is what it was before there was such a thing.
  return { ...plan, ...(random.chance(0.15) ? farApart(plan, random) : {}), ...change };
}

/** Steady latency, as long as a failure detector of these timings can bear (R49): above every repeat interval. */
function farApart({ network, timings }: Plan, random: Random): Partial<Plan> {
  const delayMs = timings.deadMs * random.pick([0.05, 0.1, 0.2]);
  const spreadMs = timings.deadMs * random.pick([0.001, 0.02, 0.05]);
  return { network: { ...network, delayMs, spreadMs } };
}

/** The defaults, faster ones, and ones whose dedupe horizon a run can outlast. */
function pickTimings(random: Random): Timings {
  const faster = random.chance(0.3);
  const scale = faster ? 0.5 : 1;
  return {
    ...defaultTimings,
    heartbeatMs: defaultTimings.heartbeatMs * scale,
    readLeaseMs: defaultTimings.readLeaseMs * scale,
    suspectMs: defaultTimings.suspectMs * scale,
    deadMs: defaultTimings.deadMs * scale,
    dedupeHorizonMs: random.chance(0.2) ? 10_000 : defaultTimings.dedupeHorizonMs,
  };
}

/** Drawn from a stream of their own, so that seeds which do not have them stay the runs that they were. */
const apart: readonly FaultClass[] = ['torn', 'poweroff', 'override'];
const together = faultClasses.filter((name) => !apart.includes(name));

/** Between one class and all of them. */
function pickFaults(random: Random, seed: number): FaultClass[] {
  const share = random.pick([0.1, 0.25, 0.5, 0.9]);
  const chosen = together.filter(() => random.chance(share));
  const usual = chosen.length === 0 ? [random.pick(together)] : chosen;
  const own = createRandom(seed + 0x5eed);
  return [...usual, ...apart.filter(() => own.chance(share / 2))];
}
