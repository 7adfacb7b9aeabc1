/** Runs many seeds on several threads. */
import { Worker } from 'node:worker_threads';
import type { Plan } from './plan.ts';
import type { Patch } from './planted/patch.ts';
import type { SeedReport } from './summary.ts';
import type { Order, WorkerJob } from './worker.ts';

export interface PoolOptions {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly patch?: Patch | undefined;
  readonly change?: Partial<Plan> | undefined;
  readonly twiceEvery?: number | undefined;
  /** A worker that tells of no seed for so long is ended, and the call fails; not given = it is waited for. */
  readonly silentMs?: number | undefined;
  /** Called for each seed; true ends the whole run. */
  readonly onSeed: (report: SeedReport) => boolean;
}

/** Seeds that a worker is given at a time: enough to keep it busy, few enough to end together. */
const chunk = 8;

/** A run that has no end, as one of patched code may have. */
export class EndlessRun extends Error {}

/** Resolves when all seeds ran, or when `onSeed` asked to stop. @throws whatever a worker threw. */
export async function runSeeds(options: PoolOptions): Promise<void> {
  let next = options.from;
  const end = options.from + options.seeds;
  let stopped = false;
  const takeOrder = (): Order | null => {
    if (stopped || next >= end) return null;
    const seeds = Array.from({ length: Math.min(chunk, end - next) }, (_, i) => next + i);
    next += seeds.length;
    return { seeds, change: options.change ?? {}, twiceEvery: options.twiceEvery ?? 0 };
  };
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const first = takeOrder();
      if (first === null) return resolve();
      const job: WorkerJob = { patch: options.patch ?? null };
      const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: job });
      let timer: NodeJS.Timeout | undefined;
      const watch = (): void => {
        clearTimeout(timer);
        if (options.silentMs === undefined) return;
        timer = setTimeout(() => {
          stopped = true;
          reject(new EndlessRun(`a seed took more than ${options.silentMs} ms`));
          void worker.terminate();
        }, options.silentMs);
      };
      const finish = (): void => {
        clearTimeout(timer);
        resolve();
        void worker.terminate();
      };
      worker.on('error', (error) => {
        clearTimeout(timer);
        stopped = true;
        reject(error);
      });
      worker.on('message', (message: SeedReport | 'done') => {
        watch();
        if (message !== 'done') {
          if (!stopped && options.onSeed(message)) stopped = true;
          if (stopped) finish();
          return;
        }
        const order = takeOrder();
        if (order === null) finish();
        else worker.postMessage(order);
      });
      watch();
      worker.postMessage(first);
    });
  await Promise.all(Array.from({ length: options.workers }, one));
}
