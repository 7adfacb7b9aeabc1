/** What every set of measurements is given, and what it gives. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { System } from '../cluster/system.ts';
import { type Generator, type GeneratorOptions, openGenerator } from '../load/generator.ts';
import type { Run } from '../load/run.ts';
import { measure } from '../measure/measure.ts';
import { type Cell, cellId, type Sample } from '../measure/sample.ts';
import { summarize } from '../measure/statistics.ts';
import { cellText, disturbedCores } from '../report/format.ts';
import type { Judged, Section } from '../report/report.ts';
import type { Workload } from '../workload/workloads.ts';

export interface Bench {
  /** Empty folder for the data of the systems under test. */
  readonly folder: string;
  readonly runs: number;
  readonly warmupMs: number;
  readonly windowMs: number;
  readonly seed: number;
  /** How often a measurement that other programs disturbed is repeated. */
  readonly retries: number;
  readonly generator: GeneratorOptions;
  /** Tells how far it is. */
  say(what: string): void;
}

/** What a set found out. */
export interface Findings {
  readonly cells: readonly Cell[];
  readonly sections: readonly Section[];
  readonly targets: readonly Judged[];
  /** The run is to end with an error; sections say why. */
  readonly failed?: boolean;
}

export interface Load {
  readonly workload: Workload;
  readonly concurrency: number;
  /** 0 or left out: closed loop. */
  readonly rate?: number;
  readonly readAt?: Run['readAt'];
}

export interface Subject {
  /** Begins the system anew on an empty folder. */
  start(folder: string): Promise<System>;
  readonly loads: readonly Load[];
  readonly generator?: GeneratorOptions;
  /** What reports call it. @default the system's own name */
  readonly name?: string;
}

/**
 * Measures all loads of all systems, as often as `runs` says: in each round each system is started anew, so that what
 * changes on the machine in the meantime touches all alike. Only one system runs at a time.
 */
export async function measureAll(bench: Bench, subjects: readonly Subject[]): Promise<Cell[]> {
  const cells = new Map<string, Omit<Cell, 'samples'> & { samples: Sample[] }>();
  for (let round = 0; round < bench.runs; round++)
    for (const subject of subjects)
      await withSystem(bench, subject.start, async (system) => {
        const generator = await openGenerator(system, subject.generator ?? bench.generator);
        const name = subject.name ?? system.name;
        for await (const { load, sample } of measureLoads(bench, system, generator, subject.loads, round)) {
          const head = {
            system: name,
            workload: load.workload.name,
            concurrency: load.rate ? null : load.concurrency,
            rate: load.rate ?? null,
          };
          const id = cellId(head);
          const cell = cells.get(id) ?? { ...head, samples: [] };
          cell.samples.push(sample);
          cells.set(id, cell);
          bench.say(`round ${round + 1}: ${id}: ${cellText(summarize({ samples: [sample] }))}`);
        }
        generator.close();
      });
  return [...cells.values()];
}

let folders = 0;

/** Starts a system on a folder of its own and ends it, whatever happens. */
export async function withSystem<S extends System>(
  bench: Bench,
  start: (folder: string) => Promise<S>,
  work: (system: S) => Promise<void>,
): Promise<void> {
  const folder = join(bench.folder, `system-${++folders}`);
  mkdirSync(folder, { recursive: true });
  const system = await start(folder);
  try {
    await work(system);
  } finally {
    await system.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* measureLoads(
  bench: Bench,
  system: System,
  generator: Generator,
  loads: readonly Load[],
  round: number,
): AsyncGenerator<{ load: Load; sample: Sample }> {
  let filled = '';
  for (const load of loads) {
    const { keys, valueBytes } = load.workload;
    if (filled !== `${keys} ${valueBytes}`) await generator.fill(load.workload, bench.seed);
    if (filled === '') await warm(bench, system, generator, load);
    filled = `${keys} ${valueBytes}`;
    yield { load, sample: await measureQuietly(bench, system, generator, runOf(bench, load, round)) };
  }
}

/** Callers that warm a system up, and for how long: programs that compile while they run are slow at first. */
const warmCallers = 128;
const warmMs = 15_000;

export async function warm(bench: Bench, system: System, generator: Generator, load: Load): Promise<void> {
  const run = runOf(bench, { workload: load.workload, concurrency: warmCallers }, 0);
  await measure(system, generator, { ...run, windowMs: warmMs });
}

export function runOf(bench: Bench, load: Load, round: number): Run {
  return {
    workload: load.workload,
    concurrency: load.concurrency,
    rate: load.rate ?? 0,
    warmupMs: bench.warmupMs,
    windowMs: bench.windowMs,
    seed: bench.seed + round,
    readAt: load.readAt ?? 'any',
    bucketMs: 0,
  };
}

/** Measures again while other programs use the machine; the least disturbed sample counts. */
async function measureQuietly(bench: Bench, system: System, generator: Generator, run: Run): Promise<Sample> {
  let best = await measure(system, generator, run);
  for (let i = 0; i < bench.retries && best.othersCores > disturbedCores; i++) {
    const again = await measure(system, generator, run);
    if (again.othersCores < best.othersCores) best = again;
  }
  return best;
}
