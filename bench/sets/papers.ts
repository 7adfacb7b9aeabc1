/**
 * The experiments of the papers, on this store. CRAQ: Terrace and Freedman, "Object Storage on CRAQ" (2009). Chain
 * replication: van Renesse and Schneider, "Chain Replication for Supporting High Throughput and Availability" (2004).
 * Their clusters had a machine for each node; here all nodes share one, which the sections say.
 */
import { limitCpu } from '../cluster/cpu-limit.ts';
import { type Store, startStore } from '../cluster/store.ts';
import { type Generator, LinkGenerator } from '../load/generator.ts';
import { measure } from '../measure/measure.ts';
import type { Sample } from '../measure/sample.ts';
import { median, percentiles, type Summary, summarize } from '../measure/statistics.ts';
import type { Chart, Series } from '../report/chart.ts';
import { cellText, figure, percent, times } from '../report/format.ts';
import type { Judged, Section } from '../report/report.ts';
import type { Workload } from '../workload/workloads.ts';
import { sizeName } from '../workload/workloads.ts';
import { type Bench, type Findings, type Load, runOf, warm, withSystem } from './bench.ts';

/** As in the CRAQ paper. */
const lengths = [3, 5, 7];
const objectBytes = 500;
const largeBytes = 5 * 1024;

/** One object, in a store of one slot: a single chain is what the papers measure. */
const object: Workload = {
  name: 'one object',
  what: 'reads of one object',
  mix: { read: 1 },
  distribution: 'uniform',
  keys: 2,
  valueBytes: objectBytes,
  chosen: [0],
};
const readers = 64;

export async function papers(bench: Bench): Promise<Findings> {
  const parts = [
    await readScaling(bench),
    await writeRate(bench),
    await latencyByClass(bench),
    await testAndSet(bench),
    await shareOfUpdates(bench),
  ];
  return { cells: [], sections: parts.map((p) => p.section), targets: parts.flatMap((p) => p.targets ?? []) };
}

interface Part {
  readonly section: Section;
  readonly targets?: readonly Judged[];
}

/** A chain of so many nodes, with its one slot filled, and every member warm. */
function withChain(
  bench: Bench,
  members: number,
  workload: Workload,
  work: (store: Store, generator: LinkGenerator) => Promise<void>,
): Promise<void> {
  return withSystem(
    bench,
    (folder) =>
      startStore({ folder, nodes: members, replicationFactor: members, slots: 1, durability: 'fsync' }),
    async (store) => {
      const generator = await LinkGenerator.open(store.endpoints, bench.generator);
      await generator.fill(workload, bench.seed);
      await warm(bench, store, generator, { workload, concurrency: readers });
      await work(store, generator);
      generator.close();
    },
  );
}

/** Runs a load in each round; `bench.runs` samples. */
async function repeat(bench: Bench, store: Store, generator: Generator, load: Load): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < bench.runs; round++)
    samples.push(await measure(store, generator, runOf(bench, load, round)));
  return samples;
}

/** So much of a core stands for the machine of one node. */
const nodeCores = 0.1;
/**
 * Callers for each node that answers. More than it answers between two of its turns on its processor: else callers gather at
 * nodes that wait for theirs, while others have nothing to do. As many for each, because a node that answers fewer at a time pays
 * more for each.
 */
const callersANode = 512;
const scalingMin = 2.5;

/** CRAQ section 6.2: reads at every member against reads at the tail alone. */
async function readScaling(bench: Bench): Promise<Part> {
  const rows: { members: number; tail: Summary; any: Summary }[] = [];
  for (const members of lengths)
    await withChain(bench, members, object, async (store, generator) => {
      const limit = limitCpu(
        store.nodes.map((node) => node.child.pid),
        nodeCores,
      );
      try {
        const at = async (readAt: 'tail' | 'any'): Promise<Summary> => {
          const concurrency = callersANode * (readAt === 'tail' ? 1 : members);
          return summarize({
            samples: await repeat(bench, store, generator, { workload: object, concurrency, readAt }),
          });
        };
        const row = { members, tail: await at('tail'), any: await at('any') };
        bench.say(`${members} members: reads at the tail ${cellText(row.tail)}, at all ${cellText(row.any)}`);
        rows.push(row);
      } finally {
        limit.end();
      }
    });
  const three = rows[0];
  const ratio = three === undefined ? Number.NaN : three.any.rate.median / three.tail.rate.median;
  return {
    section: {
      title: 'CRAQ: clean reads at the tail and at every member',
      text: [
        `A simulation of one machine a node: each node may use ${percent(nodeCores)} of a core and no more, so that clients are not the limit. ${callersANode} callers for each node that answers, one object of ${objectBytes} bytes.`,
      ],
      table: {
        head: ['members', 'tail alone', 'every member', 'ratio'],
        rows: rows.map(({ members, tail, any }) => [
          String(members),
          cellText(tail),
          cellText(any),
          times(any.rate.median / tail.rate.median),
        ]),
      },
      charts: [
        lines('Clean reads', 'members', 'reads per second', [
          {
            name: 'tail alone (chain replication)',
            points: rows.map((r) => [r.members, r.tail.rate.median]),
          },
          { name: 'every member (CRAQ)', points: rows.map((r) => [r.members, r.any.rate.median]) },
        ]),
      ],
    },
    targets: [
      {
        what: 'clean strong reads at 3 members against reads at the tail alone, one small processor a node',
        wanted: `≥ ${times(scalingMin)}`,
        got: times(ratio),
        holds: ratio >= scalingMin,
      },
    ],
  };
}

/** CRAQ section 6.3: reads while the object, or another one, is written at a given rate. */
async function writeRate(bench: Bench): Promise<Part> {
  const rates = [0, 10, 50, 100, 250, 500];
  const rows: { members: number; rate: number; dirty: number; clean: number; tail: number }[] = [];
  for (const members of lengths)
    await withChain(bench, members, object, async (store, generator) => {
      for (const rate of rates) {
        const readsBeside = async (written: number, readAt: 'any' | 'tail'): Promise<number> => {
          const writes = { ...object, mix: { write: 1 }, chosen: [written] };
          const rounds: number[] = [];
          for (let round = 0; round < bench.runs; round++) {
            const reading = measure(
              store,
              generator,
              runOf(bench, { workload: object, concurrency: readers, readAt }, round),
            );
            const writing =
              rate === 0
                ? null
                : generator.run(runOf(bench, { workload: writes, concurrency: 1000, rate }, round));
            const { operations, seconds } = await reading;
            await writing;
            rounds.push(operations / seconds);
          }
          return median(rounds);
        };
        const row = {
          members,
          rate,
          dirty: await readsBeside(0, 'any'),
          clean: await readsBeside(1, 'any'),
          tail: await readsBeside(0, 'tail'),
        };
        bench.say(
          `${members} members, ${rate} writes/s: ${figure(row.dirty)} reads/s of the object that is written`,
        );
        rows.push(row);
      }
    });
  const series = (name: string, members: number, get: (row: (typeof rows)[number]) => number): Series => ({
    name,
    points: rows.filter((row) => row.members === members).map((row) => [row.rate, get(row)] as const),
  });
  return {
    section: {
      title: 'CRAQ: reads against the rate of writes',
      text: [
        `One object of ${objectBytes} bytes, ${readers} readers, writes at a fixed rate. All nodes share this machine, so more members do not make reads faster here; the fall against no writes is what counts.`,
      ],
      table: {
        head: ['members', 'writes/s', 'reads/s of it', 'reads/s of another', 'reads/s of it at the tail'],
        rows: rows.map((row) => [
          String(row.members),
          ...[row.rate, row.dirty, row.clean, row.tail].map(figure),
        ]),
      },
      charts: lengths.map((members) =>
        lines(`${members} members`, 'writes per second', 'reads per second', [
          series('reads of the object that is written', members, (row) => row.dirty),
          series('reads of another object', members, (row) => row.clean),
          series('reads of the written object at the tail', members, (row) => row.tail),
        ]),
      ),
    },
  };
}

/** CRAQ section 6.4: latency of clean reads, dirty reads and writes. */
async function latencyByClass(bench: Bench): Promise<Part> {
  const rows: string[][] = [];
  for (const bytes of [objectBytes, largeBytes])
    for (const members of lengths) {
      const workload = { ...object, valueBytes: bytes };
      await withChain(bench, members, workload, async (store, generator) => {
        const one = { workload, concurrency: 1 };
        const writes = { workload: { ...workload, mix: { write: 1 } }, concurrency: 1 };
        const clean = await repeat(bench, store, generator, one);
        const written = await repeat(bench, store, generator, writes);
        const dirty: Sample[] = [];
        for (let round = 0; round < bench.runs; round++) {
          // The object always has a write under way, so nearly every read finds it dirty.
          const writing = generator.run(runOf(bench, { ...writes, concurrency: 4 }, round));
          dirty.push(await measure(store, generator, runOf(bench, one, round)));
          await writing;
        }
        const row = [sizeName(bytes), String(members), latency(clean), latency(dirty), latency(written)];
        bench.say(row.join('  '));
        rows.push(row);
      });
    }
  return {
    section: {
      title: 'CRAQ: latency by class',
      text: ['One caller; p50 / p95 / p99 in ms. Dirty: four others write the object all the time. fsync.'],
      table: { head: ['object', 'members', 'clean read', 'dirty read', 'write'], rows },
      charts: [],
    },
  };
}

/** CRAQ table 1: writes and test-and-sets by chain length. */
async function testAndSet(bench: Bench): Promise<Part> {
  const rows: string[][] = [];
  for (const members of lengths) {
    const workload: Workload = { ...object, keys: readers, mix: { 'test-and-set': 1 } };
    await withChain(bench, members, workload, async (store, generator) => {
      const texts: string[] = [];
      for (const [mix, concurrency] of [
        [{ 'test-and-set': 1 }, 1],
        [{ 'test-and-set': 1 }, readers],
        [{ write: 1 }, readers],
      ] as const) {
        const samples = await repeat(bench, store, generator, {
          workload: { ...workload, mix },
          concurrency,
        });
        texts.push(cellText(summarize({ samples })));
      }
      bench.say(`${members} members: test-and-set ${texts.join(', ')}`);
      rows.push([String(members), ...texts]);
    });
  }
  return {
    section: {
      title: 'CRAQ: test-and-set',
      text: [
        `A put on the condition that the key still has the revision that its caller wrote last; each caller has its own key of the one slot, ${objectBytes} bytes.`,
      ],
      table: {
        head: ['members', 'test-and-set c=1', `test-and-set c=${readers}`, `write c=${readers}`],
        rows,
      },
      charts: [],
    },
  };
}

/** Chain replication section 5.1: throughput against the share of updates. */
async function shareOfUpdates(bench: Bench): Promise<Part> {
  const shares = [0, 0.05, 0.1, 0.25, 0.5];
  const rows: { members: number; share: number; tail: number; any: number }[] = [];
  for (const members of [2, 3])
    await withChain(bench, members, { ...object, keys: 1000 }, async (store, generator) => {
      for (const share of shares) {
        const { chosen: _, ...many } = object;
        const workload = { ...many, keys: 1000, mix: { read: 1 - share, write: share } };
        const at = async (readAt: 'tail' | 'any'): Promise<number> =>
          summarize({
            samples: await repeat(bench, store, generator, { workload, concurrency: readers, readAt }),
          }).rate.median;
        const row = { members, share, tail: await at('tail'), any: await at('any') };
        bench.say(
          `${members} members, ${percent(share)} updates: ${figure(row.tail)}/s at the tail, ${figure(row.any)}/s at any`,
        );
        rows.push(row);
      }
    });
  return {
    section: {
      title: 'Chain replication: throughput against the share of updates',
      text: [
        `One slot, 1,000 keys, ${readers} callers, fsync. "Tail": strong reads at the tail alone, as in the paper. "Any": at every member, as in CRAQ. All nodes share this machine. Throughput through a failure: see the set "failover".`,
      ],
      table: {
        head: ['members', 'updates', 'reads at the tail, op/s', 'reads at any member, op/s'],
        rows: rows.map((row) => [String(row.members), percent(row.share), figure(row.tail), figure(row.any)]),
      },
      charts: [
        lines(
          'Throughput against the share of updates',
          'updates, %',
          'operations per second',
          [2, 3].flatMap((members) =>
            (['tail', 'any'] as const).map((at) => ({
              name: `${members} members, reads at ${at}`,
              points: rows.filter((r) => r.members === members).map((r) => [r.share * 100, r[at]] as const),
            })),
          ),
        ),
      ],
    },
  };
}

const latency = (samples: readonly Sample[]): string => {
  const p = percentiles(samples.flatMap((s) => [s.reads, s.writes]));
  return p === null ? '–' : `${figure(p.p50)} / ${figure(p.p95)} / ${figure(p.p99)}`;
};

const lines = (title: string, x: string, y: string, series: readonly Series[]): Chart => ({
  title,
  x: { label: x, scale: 'linear' },
  y: { label: y, scale: 'linear' },
  series,
  marks: [],
});
