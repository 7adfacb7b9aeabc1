import type { Workload } from '../workload/workloads.ts';

/** One measurement: what is done, how hard, for how long. */
export interface Run {
  readonly workload: Workload;
  /** Callers that each wait for their answer; in an open loop, operations that may be under way at once. */
  readonly concurrency: number;
  /** Operations per second of an open loop; 0 = closed loop. */
  readonly rate: number;
  /** Before the window, and the window. */
  readonly warmupMs: number;
  readonly windowMs: number;
  readonly seed: number;
  /** Whom reads ask: any member, or the tail alone, as in chain replication without CRAQ. */
  readonly readAt: 'any' | 'tail';
  /** Successes are also counted per so many ms; 0 = not. */
  readonly bucketMs: number;
}

/** What the generator of a load counted. */
export interface Counted {
  readonly seconds: number;
  readonly operations: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly reads: string;
  readonly writes: string;
  readonly late: string;
  readonly cpuSeconds: number;
  readonly buckets: readonly number[];
}
