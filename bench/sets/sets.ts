/** The sets of measurements by name. */
import { ycsb } from '../workload/workloads.ts';
import type { Bench, Findings } from './bench.ts';
import { beside } from './beside.ts';
import { check } from './check.ts';
import { compare } from './compare.ts';
import { failover } from './failover.ts';
import { grpc } from './grpc.ts';
import { limits } from './limits.ts';
import { operator } from './operator.ts';
import { against, full, quick, ycsbSet } from './own.ts';
import { papers } from './papers.ts';
import { profile } from './profile.ts';
import { scale } from './scale.ts';

/** Seconds. */
export interface Defaults {
  readonly runs: number;
  readonly seconds: number;
  readonly warmup: number;
}

export interface MeasuringSet {
  readonly what: string;
  /** '' = none. */
  readonly argument: string;
  readonly defaults: Defaults;
  run(bench: Bench, args: readonly string[]): Promise<Findings>;
}

export class UsageError extends Error {}

export const sets: Readonly<Record<string, MeasuringSet>> = {
  quick: {
    what: 'this store in two minutes: put, get, YCSB A, B, C',
    argument: '',
    defaults: { runs: 3, seconds: 2.5, warmup: 0.5 },
    run: quick,
  },
  full: {
    what: 'this store with both durabilities, more workloads, large values, fixed rates',
    argument: '',
    defaults: { runs: 5, seconds: 4, warmup: 1 },
    run: full,
  },
  compare: {
    what: 'this store beside etcd and Redis, with the ratios it wants',
    argument: '',
    defaults: { runs: 5, seconds: 3, warmup: 1 },
    run: compare,
  },
  limits: {
    what: 'what disk, loopback, links and LevelDB give here',
    argument: '',
    defaults: { runs: 1, seconds: 3, warmup: 0.5 },
    run: limits,
  },
  failover: {
    what: 'throughput while a node is killed, is away, and joins again',
    argument: '',
    defaults: { runs: 3, seconds: 25, warmup: 1 },
    run: failover,
  },
  scale: {
    what: 'longer chains, more keys, more slots; plans for 1,000 nodes',
    argument: '',
    defaults: { runs: 3, seconds: 3, warmup: 1 },
    run: scale,
  },
  operator: {
    what: 'what 200 ChainClusters cost the operator, on a simulated Kubernetes',
    argument: '',
    defaults: { runs: 1, seconds: 20, warmup: 0 },
    run: operator,
  },
  papers: {
    what: 'the experiments of the papers on chain replication and CRAQ',
    argument: '',
    defaults: { runs: 3, seconds: 2, warmup: 0.5 },
    run: papers,
  },
  beside: {
    what: 'small requests while large values are written',
    argument: '',
    defaults: { runs: 3, seconds: 3, warmup: 1 },
    run: beside,
  },
  profile: {
    what: 'where the nodes spend their time: by area, with flame graphs',
    argument: '',
    defaults: { runs: 1, seconds: 8, warmup: 1 },
    run: profile,
  },
  check: {
    what: 'fails when this store is slow for the machine it runs on; under a minute',
    argument: '',
    defaults: { runs: 3, seconds: 2, warmup: 0.5 },
    run: check,
  },
  grpc: {
    what: '10 KiB values over gRPC at 1,000 requests per second on five nodes',
    argument: '',
    defaults: { runs: 3, seconds: 10, warmup: 2 },
    run: grpc,
  },
  ycsb: {
    what: 'one of YCSB’s workloads',
    argument: 'a|b|c|d|f',
    defaults: { runs: 3, seconds: 3, warmup: 1 },
    run: (bench, [letter]) => {
      if (letter === undefined || !(letter in ycsb)) throw new UsageError(`ycsb takes a, b, c, d or f`);
      return ycsbSet(bench, letter as keyof typeof ycsb);
    },
  },
  against: {
    what: 'a cluster that runs already; overwrites keys key00000000 and following',
    argument: 'HOST:PORT,...',
    defaults: { runs: 3, seconds: 3, warmup: 1 },
    run: (bench, [endpoints]) => against(bench, (endpoints ?? '').split(',')),
  },
};
