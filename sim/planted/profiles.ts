/** Targeted runs: fewer kinds of faults, those that a planted bug needs, so that it shows within few seeds. */
import { defaultTimings } from '../../protocol/timings.ts';
import type { Plan } from '../plan.ts';
import type { WorkloadOptions } from '../workload.ts';
import { calmProfiles, quick } from './calm.ts';

const mixed: WorkloadOptions = {
  keys: 10,
  reads: 0.4,
  weakReads: 0,
  conditions: 0.2,
  deletes: 0.1,
  adds: 0.15,
  valueBytes: 0,
};
const hotKey: WorkloadOptions = { ...mixed, keys: 1, reads: 0.5, conditions: 0.3, adds: 0 };
const writers: WorkloadOptions = { ...mixed, keys: 1, reads: 0.1, conditions: 0.6, adds: 0.4 };
const refused: WorkloadOptions = { ...mixed, keys: 1, reads: 0.2, conditions: 0.9, deletes: 0.3, adds: 0 };

/** One chain of three among four nodes, and a fault every 80 ms. */
const oneChain = {
  slots: 1,
  nodes: 4,
  replicationFactor: 3,
  operations: 250,
  clients: 5,
  thinkMs: [10, 100],
  faultEveryMs: 80,
  faultForMs: [100, 3000],
} as const satisfies Partial<Plan>;
const slowDisks = { durability: 'fsync', writeMs: 8, spreadMs: 60, scanMs: 30 } as const;
const wide = { bytesPerMs: Number.POSITIVE_INFINITY, queueBytes: Number.POSITIVE_INFINITY } as const;
const lateNetwork = {
  ...wide,
  delayMs: 2,
  spreadMs: 10,
  noticeMs: 600,
  late: 0.6,
  lateMs: 4000,
  repeat: 0.6,
} as const;
const long = [300, 5000] as const;
/** Clients that take their time, so that a run outlasts its faults. */
const patient = { operations: 400, thinkMs: [80, 250], durationMs: 30_000 } as const;
/** Leases that outlive the patience with the silent, and leaders. */
const longLeases = { ...quick, readLeaseMs: 3000, coordinatorLeaseMs: 600, coordinatorRenewMs: 200 };

export const profiles = {
  ...calmProfiles,
  /** Whatever the seed draws. */
  any: {},
  /** Chains change while everybody lives: leavings, drains, cuts. */
  changes: {
    ...oneChain,
    ...patient,
    workload: hotKey,
    faults: ['leave', 'drain', 'cut', 'oneway', 'slowpath', 'uncoordinated'],
    faultForMs: long,
    timings: quick,
  },
  /** Somebody is cut off or stands still and goes on with what it believed. */
  cutOff: {
    ...oneChain,
    ...patient,
    workload: hotKey,
    faults: ['cut', 'uncoordinated', 'oneway', 'freeze', 'suspend', 'twin'],
    faultForMs: long,
    timings: quick,
  },
  /** Processes sleep, their monotonic clocks with them, while some grant is always on its way. */
  asleepAsking: {
    ...oneChain,
    ...patient,
    workload: { ...hotKey, reads: 0.7 },
    faults: ['suspend'],
    faultEveryMs: 400,
    faultForMs: [2500, 5000],
    timings: { ...defaultTimings, heartbeatMs: 100 },
    network: { ...wide, delayMs: 25, spreadMs: 25, noticeMs: 600, late: 0, lateMs: 50, repeat: 0 },
  },
  /** Leases that last while others go on without their holder. */
  longLeases: {
    ...oneChain,
    ...patient,
    workload: hotKey,
    faults: ['cut', 'uncoordinated', 'oneway', 'twin', 'drain', 'leave'],
    faultForMs: long,
    timings: longLeases,
  },
  /** Answers of coordinators and of tails come late. */
  slowAnswers: {
    ...oneChain,
    workload: { ...hotKey, reads: 0.7, weakReads: 0.3 },
    faults: ['slowpath', 'slowpath', 'lag', 'uncoordinated', 'oneway'],
    faultForMs: long,
    timings: { ...defaultTimings, beaconMs: 400 },
    network: { ...wide, delayMs: 2, spreadMs: 10, noticeMs: 600, late: 0, lateMs: 50, repeat: 0 },
  },
  /** Cuts from the coordinators that outlast every lease. */
  longCuts: {
    ...oneChain,
    ...patient,
    workload: { ...hotKey, reads: 0.7 },
    faults: ['uncoordinated'],
    faultEveryMs: 300,
    faultForMs: [3500, 8000],
    timings: longLeases,
  },
  /** Two processes of one node, and heartbeats that are rare. */
  twins: {
    ...oneChain,
    ...patient,
    workload: hotKey,
    faults: ['twin', 'twin', 'cut'],
    faultForMs: long,
    timings: { ...defaultTimings, heartbeatMs: 500, readLeaseMs: 3000 },
  },
  /** Many conditions, retries and late copies of requests. */
  retries: {
    ...oneChain,
    workload: writers,
    faults: ['reset', 'crash', 'bounce', 'slowpath', 'freeze', 'leave', 'oneway'],
    network: lateNetwork,
    disk: slowDisks,
    patienceMs: 4000,
  },
  /** Clients give up before the chain is whole again. */
  impatient: {
    ...oneChain,
    workload: { ...mixed, reads: 0.4, conditions: 0.1 },
    faults: ['crash', 'bounce', 'cut', 'reset', 'leave', 'freeze'],
    disk: slowDisks,
    patienceMs: 500,
  },
  /** Retries of writes that are refused. */
  refusedRetries: {
    ...oneChain,
    workload: refused,
    faults: ['reset', 'oneway', 'freeze', 'slowpath', 'cut'],
    network: lateNetwork,
    patienceMs: 4000,
  },
  /** Clocks jump further than results are kept, at heads without neighbours too. */
  clocks: {
    ...oneChain,
    nodes: 2,
    replicationFactor: 1,
    workload: writers,
    faults: ['walljump', 'reset', 'slowpath', 'bounce', 'cut'],
    network: lateNetwork,
    timings: { ...defaultTimings, dedupeHorizonMs: 10_000 },
    patienceMs: 4000,
  },
  /** Copies under load: blank nodes and leavings, big values, keys deleted meanwhile. */
  copies: {
    ...oneChain,
    workload: { ...mixed, deletes: 0.4, conditions: 0, adds: 0.1, valueBytes: 100_000 },
    faults: ['blank', 'leave', 'drain', 'crash', 'slowpath'],
    trimEveryMs: 300,
  },
  /** What the coordinators saved is lost or turned back while chains change. */
  strangers: {
    ...oneChain,
    ...patient,
    workload: mixed,
    faults: ['statelost', 'stateold', 'stateold', 'crash', 'resign', 'cut', 'full', 'coordfreeze'],
  },
  /** All processes die at once, and one disk lacks its last batches. */
  torn: { ...oneChain, ...patient, workload: mixed, faults: ['torn'], faultEveryMs: 500 },
  /** Session reads between refused conditions, while members come back with older marks. */
  weakRefused: {
    ...oneChain,
    workload: { ...mixed, keys: 1, reads: 0.5, weakReads: 0.9, conditions: 0.9, adds: 0 },
    faults: ['blackout', 'crash', 'lag', 'slowpath'],
    faultForMs: [100, 1500],
  },
  /** Weaker reads, also at nodes that still join. */
  weak: {
    ...oneChain,
    ...patient,
    workload: { ...mixed, keys: 1, reads: 0.7, weakReads: 0.9, adds: 0 },
    faults: ['slowpath', 'lag', 'oneway', 'cut', 'blank', 'leave', 'uncoordinated'],
    faultForMs: long,
    timings: quick,
  },
} as const satisfies Record<string, Partial<Plan>>;

export type ProfileName = keyof typeof profiles;
