/** Targeted runs: fewer kinds of faults, those that a planted bug needs, so that it shows within few seeds. */
import { defaultTimings } from '../../protocol/timings.ts';
import type { Plan } from '../plan.ts';
import type { WorkloadOptions } from '../workload.ts';

const workload: WorkloadOptions = {
  keys: 10,
  reads: 0.4,
  weakReads: 0,
  conditions: 0.2,
  deletes: 0.1,
  adds: 0.15,
  valueBytes: 0,
};
const busy: Partial<Plan> = {
  slots: 1,
  nodes: 4,
  replicationFactor: 3,
  faultEveryMs: 80,
  thinkMs: [10, 100],
  operations: 250,
};

export const profiles = {
  /** Whatever the seed draws. */
  any: {},
  /** Processes die and come back soon, and their connections break. */
  restarts: { ...busy, workload, faults: ['crash', 'bounce', 'power', 'reset', 'blackout'] },
  /** Chains change while everybody lives: leavings, drains, cuts. */
  changes: { ...busy, workload, faults: ['leave', 'drain', 'cut', 'uncoordinated', 'freeze', 'bounce'] },
  /** Somebody is cut off or stands still and goes on with what it believed. */
  cutOff: {
    ...busy,
    workload: { ...workload, reads: 0.7, keys: 1 },
    faults: ['cut', 'uncoordinated', 'oneway', 'freeze', 'suspend', 'lag', 'slowpath'],
    coordinators: 2,
  },
  /** Leaders change while leases are out. */
  leaders: {
    ...busy,
    workload: { ...workload, reads: 0.7, keys: 1 },
    faults: [
      'coordcrash',
      'coordfreeze',
      'coordsuspend',
      'resign',
      'outage',
      'cut',
      'uncoordinated',
      'retune',
    ],
    coordinators: 3,
  },
  /** Calls to the state store end without a known outcome, and so do leaderships. */
  unknown: {
    ...busy,
    workload,
    faults: ['unknown', 'outage', 'coordcrash', 'bounce', 'leave', 'drain'],
    coordinators: 3,
  },
  /** Many conditions, retries and late copies of requests. */
  retries: {
    ...busy,
    workload: { ...workload, keys: 1, reads: 0.1, conditions: 0.6, adds: 0.4 },
    faults: ['reset', 'crash', 'bounce', 'slowpath', 'freeze', 'leave'],
    network: { delayMs: 2, spreadMs: 10, noticeMs: 600, late: 0.6, lateMs: 4000, repeat: 0.6 },
    patienceMs: 4000,
  },
  /** Clocks jump further than results are kept, at heads without neighbours too. */
  clocks: {
    ...busy,
    nodes: 2,
    replicationFactor: 1,
    workload: { ...workload, keys: 1, reads: 0.1 },
    faults: ['walljump', 'reset', 'slowpath', 'bounce', 'cut'],
    network: { delayMs: 2, spreadMs: 10, noticeMs: 600, late: 0.6, lateMs: 4000, repeat: 0.6 },
    timings: { ...defaultTimings, dedupeHorizonMs: 10_000 },
    patienceMs: 4000,
  },
  /** Copies under load: blank nodes and leavings, big values, keys deleted meanwhile. */
  copies: {
    ...busy,
    workload: { ...workload, keys: 10, deletes: 0.3, reads: 0.3, valueBytes: 100_000 },
    faults: ['blank', 'leave', 'drain', 'trim', 'slowpath'],
    trimEveryMs: 300,
  },
  /** Volumes that forget: restored ones, and power cuts before a flush. */
  forgetful: {
    ...busy,
    workload,
    faults: ['rollback', 'power', 'bounce', 'crash'],
    disk: { durability: 'os', writeMs: 1, spreadMs: 3 },
  },
  /** Weaker reads, also at nodes that still join. */
  weak: {
    ...busy,
    workload: { ...workload, reads: 0.7, weakReads: 0.7 },
    faults: ['cut', 'blank', 'leave', 'slowpath', 'uncoordinated', 'freeze', 'lag'],
  },
} as const satisfies Record<string, Partial<Plan>>;

export type ProfileName = keyof typeof profiles;
