/** How cost grows: with the length of chains, with keys, with slots; and what a plan of a very large cluster costs. */
import { type Store, type StoreOptions, startStore } from '../cluster/store.ts';
import { LinkGenerator } from '../load/generator.ts';
import { measure } from '../measure/measure.ts';
import { anonymousBytesOf, cpuSecondsOf, residentBytesOf } from '../measure/processes.ts';
import { median, type Summary, summarize } from '../measure/statistics.ts';
import type { Chart } from '../report/chart.ts';
import { cellText, figure, percent, times } from '../report/format.ts';
import type { Judged, Section } from '../report/report.ts';
import { measurePlanner } from '../scale/planner.ts';
import { get, put, type Workload } from '../workload/workloads.ts';
import { type Bench, type Findings, runOf, warm, withSystem } from './bench.ts';

const threeNodes = { nodes: 3, replicationFactor: 3, slots: 64, durability: 'fsync' } as const;
const lengths = [1, 2, 3, 5];
const keyCounts = [10_000, 100_000, 1_000_000];
const slotCounts = [64, 256, 1024];
const idleMs = 10_000;
const residentMiBMax = 350;
const fallWithKeysMax = 0.2;
const fallWithSlotsMax = 0.05;
const idleCoresMax = 0.02;
const planMsMax = 1000;
/** A new node's share is random: with a few thousand slots it strays by some percent. */
const movesMax = 1.25;

export async function scale(bench: Bench): Promise<Findings> {
  const parts = [await byLength(bench), await byKeys(bench), await bySlots(bench), planner()];
  return {
    cells: [],
    sections: parts.map((part) => part.section),
    targets: parts.flatMap((part) => part.targets),
  };
}

interface Part {
  readonly section: Section;
  readonly targets: readonly Judged[];
}

/** One row of a table: what was varied, and what came out of each load. */
interface Row {
  readonly of: number;
  readonly results: readonly Summary[];
  readonly nodes: NodeFigures;
}

/** Medians over the nodes of a store. */
interface NodeFigures {
  readonly residentMiB: number;
  /** Without pages of files. */
  readonly anonymousMiB: number;
  readonly idleCores: number;
  readonly coordinatorIdleCores: number;
}

async function byLength(bench: Bench): Promise<Part> {
  const loads = [
    { workload: put, concurrency: 1 },
    { workload: put, concurrency: 128 },
    { workload: get, concurrency: 128 },
  ];
  const rows: Row[] = [];
  for (const length of lengths) {
    const options = { ...threeNodes, nodes: length, replicationFactor: length };
    rows.push(await measureRow(bench, length, options, loads));
  }
  return {
    section: {
      title: 'Chain length',
      text: [
        'As many nodes as the chain is long, all on this machine, fsync. CPU of the servers for each operation.',
      ],
      table: {
        head: ['length', 'put c=1', 'µs/op', 'put c=128', 'µs/op', 'get c=128', 'µs/op'],
        rows: rows.map((row) => [String(row.of), ...row.results.flatMap((r) => [cellText(r), serverUs(r)])]),
      },
      charts: [
        chart(
          'put by chain length',
          'members',
          'p50 of a single caller, ms',
          rows,
          (row) => row.results[0]?.p50 ?? 0,
        ),
        chart(
          'put by chain length, 128 callers',
          'members',
          'operations per second',
          rows,
          (row) => row.results[1]?.rate.median ?? 0,
        ),
      ],
    },
    targets: [],
  };
}

async function byKeys(bench: Bench): Promise<Part> {
  const rows: Row[] = [];
  for (const keys of keyCounts) {
    const loads = [put, get].map((workload) => ({ workload: { ...workload, keys }, concurrency: 128 }));
    rows.push(await measureRow(bench, keys, threeNodes, loads));
  }
  const [first, last] = [rows[0] as Row, rows.at(-1) as Row];
  const falls = ['put', 'get'].map((name, i) => {
    const fall = 1 - (last.results[i] as Summary).rate.median / (first.results[i] as Summary).rate.median;
    return judged(
      `${name} c=128 falls from ${figure(first.of)} to ${figure(last.of)} keys`,
      fall,
      fallWithKeysMax,
    );
  });
  const resident = last.nodes.residentMiB;
  return {
    section: {
      title: 'Keys',
      text: [
        'Three nodes, 100-byte values, fsync. Memory: resident, median of the nodes, after the loads; without the pages of files that the system can drop at any time.',
      ],
      table: {
        head: ['keys', 'put c=128', 'get c=128', 'MiB a node', 'without files'],
        rows: rows.map((row) => [
          figure(row.of),
          ...row.results.map(cellText),
          figure(row.nodes.residentMiB),
          figure(row.nodes.anonymousMiB),
        ]),
      },
      charts: [],
    },
    targets: [
      ...falls,
      {
        what: `resident memory of a node with ${figure(last.of)} keys`,
        wanted: `≤ ${residentMiBMax} MiB`,
        got: `${figure(resident)} MiB`,
        holds: resident <= residentMiBMax,
      },
    ],
  };
}

async function bySlots(bench: Bench): Promise<Part> {
  const loads = [put, get].map((workload) => ({ workload, concurrency: 128 }));
  const rows: Row[] = [];
  for (const slots of slotCounts) rows.push(await measureRow(bench, slots, { ...threeNodes, slots }, loads));
  const [first, last] = [rows[0] as Row, rows.at(-1) as Row];
  const falls = ['put', 'get'].map((name, i) => {
    const fall = 1 - (last.results[i] as Summary).rate.median / (first.results[i] as Summary).rate.median;
    return judged(`${name} c=128 falls from ${first.of} to ${last.of} slots`, fall, fallWithSlotsMax);
  });
  return {
    section: {
      title: 'Slots',
      text: [`Three nodes, fsync. Idle: CPU over ${idleMs / 1000} s without a request, before the loads.`],
      table: {
        head: ['slots', 'put c=128', 'get c=128', 'idle: cores a node', 'coordinator', 'MiB a node'],
        rows: rows.map((row) => [
          String(row.of),
          ...row.results.map(cellText),
          percent(row.nodes.idleCores),
          percent(row.nodes.coordinatorIdleCores),
          figure(row.nodes.residentMiB),
        ]),
      },
      charts: [],
    },
    targets: [
      ...falls,
      judged(`idle CPU of a node with ${last.of} slots`, last.nodes.idleCores, idleCoresMax),
    ],
  };
}

function planner(): Part {
  const costs = measurePlanner(1000, 10_000);
  const slowest = Math.max(...costs.map((cost) => cost.targetsMs + cost.planMs));
  const surplus = Math.max(...costs.map((cost) => cost.moves / Math.max(1, cost.fewest)));
  return {
    section: {
      title: 'Planning for 1,000 nodes and 10,000 slots',
      text: [
        'Chains of three over three zones. Targets: choosing the nodes of every slot, when the nodes have changed. Plan: deciding what changes next. Moves: replicas that must be made; fewest: what no placement could do without (a node more: its fair share).',
      ],
      table: {
        head: ['', 'targets ms', 'plan ms', 'moves', 'fewest'],
        rows: costs.map((cost) => [
          cost.what,
          ...[cost.targetsMs, cost.planMs, cost.moves, cost.fewest].map(figure),
        ]),
      },
      charts: [],
    },
    targets: [
      {
        what: 'a plan for 1,000 nodes and 10,000 slots',
        wanted: `≤ ${figure(planMsMax)} ms`,
        got: `${figure(slowest)} ms`,
        holds: slowest <= planMsMax,
      },
      {
        what: 'replicas that move when a node comes or goes, against the fewest',
        wanted: `≤ ${times(movesMax)}`,
        got: times(surplus),
        holds: surplus <= movesMax,
      },
    ],
  };
}

interface ScaleLoad {
  readonly workload: Workload;
  readonly concurrency: number;
}

/** All loads on stores of one kind: a new store for each round, medians over them. */
async function measureRow(
  bench: Bench,
  of: number,
  options: Omit<StoreOptions, 'folder'>,
  loads: readonly ScaleLoad[],
): Promise<Row> {
  const samples = loads.map((): Parameters<typeof summarize>[0]['samples'][number][] => []);
  const figures: NodeFigures[] = [];
  for (let round = 0; round < bench.runs; round++)
    await withSystem(
      bench,
      (folder) => startStore({ ...options, folder }),
      async (store) => {
        const idle = await idleCores(store);
        const generator = await LinkGenerator.open(store.endpoints, bench.generator);
        const first = loads[0] as ScaleLoad;
        await generator.fill(first.workload, bench.seed);
        await warm(bench, store, generator, first);
        for (const [i, load] of loads.entries()) {
          const sample = await measure(store, generator, runOf(bench, load, round));
          samples[i]?.push(sample);
          bench.say(
            `${of}: ${load.workload.name} c=${load.concurrency}: ${cellText(summarize({ samples: [sample] }))}`,
          );
        }
        generator.close();
        const mebibytes = (of: (pid: number) => number): number =>
          median(store.nodes.map((node) => of(node.child.pid) / 2 ** 20));
        const memory = { residentMiB: mebibytes(residentBytesOf), anonymousMiB: mebibytes(anonymousBytesOf) };
        figures.push({ ...idle, ...memory });
      },
    );
  return {
    of,
    results: samples.map((each) => summarize({ samples: each })),
    nodes: {
      residentMiB: median(figures.map((f) => f.residentMiB)),
      anonymousMiB: median(figures.map((f) => f.anonymousMiB)),
      idleCores: median(figures.map((f) => f.idleCores)),
      coordinatorIdleCores: median(figures.map((f) => f.coordinatorIdleCores)),
    },
  };
}

async function idleCores(store: Store): Promise<Pick<NodeFigures, 'idleCores' | 'coordinatorIdleCores'>> {
  const pids = [...store.nodes.map((node) => node.child.pid), store.coordinator.pid];
  // What starting left behind settles first.
  await sleep(2000);
  const before = pids.map(cpuSecondsOf);
  await sleep(idleMs);
  const cores = pids.map((pid, i) => (cpuSecondsOf(pid) - (before[i] as number)) / (idleMs / 1000));
  return { idleCores: median(cores.slice(0, -1)), coordinatorIdleCores: cores.at(-1) as number };
}

function judged(what: string, share: number, most: number): Judged {
  return { what, wanted: `≤ ${percent(most)}`, got: percent(share), holds: share <= most };
}

function chart(title: string, x: string, y: string, rows: readonly Row[], get: (row: Row) => number): Chart {
  return {
    title,
    x: { label: x, scale: 'linear' },
    y: { label: y, scale: 'linear' },
    series: [{ name: title, points: rows.map((row) => [row.of, get(row)] as const) }],
    marks: [],
  };
}

const serverUs = (summary: Summary): string => figure((summary.serverCores * 1e6) / summary.rate.median);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
