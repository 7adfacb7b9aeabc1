/**
 * Runs in which nearly everything is fixed by the planted bug that they hunt, and nothing but the seed is drawn: a chain that
 * works well, and few faults, each of the very kind that the bug needs. Where faults are many the chain seldom serves,
 * and what a node believed wrongly is not asked for.
 */
import { limits } from '../../protocol/limits.ts';
import { defaultTimings, type Timings } from '../../protocol/timings.ts';
import type { Plan } from '../plan.ts';
import type { WorkloadOptions } from '../workload.ts';

/** Everything happens soon, so that it happens often. */
export const quick = {
  ...defaultTimings,
  heartbeatMs: 50,
  readLeaseMs: 250,
  suspectMs: 150,
  deadMs: 300,
  coordinatorLeaseMs: 1000,
  coordinatorRenewMs: 300,
} as const satisfies Timings;

/** Nobody is left out because it is slow. */
const lenient = { ...defaultTimings, readLeaseMs: 4000, suspectMs: 4000, deadMs: 8000 } as const;

const workload: WorkloadOptions = {
  keys: 1,
  reads: 0.6,
  weakReads: 0,
  conditions: 0.2,
  deletes: 0.1,
  adds: 0,
  valueBytes: 0,
};
const writes: WorkloadOptions = { ...workload, reads: 0.05, conditions: 0 };
const boundedReads: WorkloadOptions = {
  ...workload,
  reads: 0.7,
  weakReads: 1,
  levels: ['bounded'],
  boundsMs: [200, 2000],
};

const network = {
  delayMs: 0.2,
  spreadMs: 2,
  // Sooner than anybody is left out: what is sent to who does not answer is not there when it wakes.
  noticeMs: 100,
  late: 0,
  lateMs: 50,
  repeat: 0,
  bytesPerMs: Number.POSITIVE_INFINITY,
  queueBytes: Number.POSITIVE_INFINITY,
} as const;

const slowDisks = { durability: 'fsync', writeMs: 8, spreadMs: 60, scanMs: 1 } as const;

/** One chain of three among four nodes, a fault now and then that lasts longer than it takes to leave a node out. */
const calm = {
  slots: 1,
  nodes: 4,
  replicationFactor: 3,
  coordinators: 2,
  clients: 12,
  operations: 900,
  thinkMs: [40, 120],
  timings: quick,
  limits,
  tickMs: 20,
  workload,
  network,
  disk: { durability: 'fsync', writeMs: 0.1, spreadMs: 0.2, scanMs: 1 },
  faultEveryMs: 2500,
  faultForMs: [2500, 4000],
  durationMs: 30_000,
  concurrentMoves: 1,
  patienceMs: 4000,
  trimEveryMs: 0,
  listEveryMs: 0,
} as const satisfies Partial<Plan>;

/** A chain that never changes, and paths of which each may be slow for a while, alone. */
const slowPaths = {
  ...calm,
  nodes: 3,
  coordinators: 1,
  timings: lenient,
  faults: ['slowpath'],
  faultEveryMs: 400,
  faultForMs: [1500, 4000],
} as const;

export const calmProfiles = {
  /** A process sleeps, and its monotonic clock with it; clients read at it when it wakes. */
  asleep: { ...calm, pinned: 1, faults: ['suspend'], timings: { ...quick, readLeaseMs: 1000 } },
  /** The same, and all reads are bounded. */
  asleepBounded: { ...calm, pinned: 1, faults: ['suspend'], workload: boundedReads },
  /** A process stands still while some grant is on its way to it. */
  frozenAsking: {
    ...calm,
    nodes: 3,
    coordinators: 1,
    clients: 18,
    pinned: 1,
    thinkMs: [60, 200],
    workload: { ...workload, keys: 6 },
    faults: ['freeze'],
    faultEveryMs: 3000,
    faultForMs: [1500, 2500],
    network: { ...network, delayMs: 3, spreadMs: 6 },
    timings: { ...quick, heartbeatMs: 10, readLeaseMs: 500 },
  },
  /** What a tail says arrives late at one member, and soon at the head. */
  slowTail: slowPaths,
  /** The same, and weak reads at all members. */
  slowTailWeak: { ...slowPaths, workload: { ...workload, reads: 0.7, weakReads: 0.9 } },
  /** The same without leases: each strong read needs a barrier. */
  slowTailNoLease: { ...slowPaths, timings: { ...lenient, readLeaseMs: 0 } },
  /** Members are cut off from all but the clients, who ask for bounded reads. */
  cutBounded: { ...calm, faults: ['cut'], workload: boundedReads },
  /** A head is cut off, and most that clients ask of it is refused. */
  cutRefused: {
    ...calm,
    nodes: 2,
    replicationFactor: 2,
    clients: 14,
    thinkMs: [150, 500],
    workload: { ...workload, keys: 30, reads: 0, conditions: 1, deletes: 0.3 },
    faults: ['cut'],
    faultForMs: [2500, 5000],
  },
  /** Members leave chains while what the coordinator tells them is late, and leases are long. */
  drainedSlowly: {
    ...slowPaths,
    replicationFactor: 2,
    pinned: 1,
    thinkMs: [60, 200],
    workload: { ...workload, reads: 0.7 },
    timings: { ...defaultTimings, readLeaseMs: 3000, suspectMs: 3000, deadMs: 4000 },
    faults: ['slowpath', 'slowpath', 'slowpath', 'drain'],
    faultEveryMs: 500,
    faultForMs: [4000, 7000],
  },
  /** Joins of a chain of one over a way that is long enough for its source to die before the joiner has everything. */
  shortJoins: {
    ...calm,
    replicationFactor: 2,
    coordinators: 1,
    clients: 3,
    thinkMs: [60, 150],
    workload: writes,
    faults: ['crash'],
    faultEveryMs: 1200,
    faultForMs: [700, 1300],
    network: { ...network, delayMs: 30, spreadMs: 30 },
    timings: { ...defaultTimings, heartbeatMs: 100, readLeaseMs: 300, suspectMs: 300, deadMs: 450 },
  },
  /** Processes die again and again while the disk of another member stands still, so that answers come very late. */
  lateAnswers: {
    ...calm,
    nodes: 3,
    coordinators: 1,
    operations: 1500,
    workload: { ...writes, keys: 4 },
    timings: { ...lenient, suspectMs: 10_000, deadMs: 15_000 },
    faults: ['diskstall', 'bounce'],
    faultEveryMs: 700,
    faultForMs: [4000, 8000],
    patienceMs: 10_000,
  },
  /** Some batch is always on its way to a slow disk, while processes die and logs are trimmed. */
  batchesUnderWay: {
    ...calm,
    nodes: 3,
    slots: 2,
    workload: { ...writes, keys: 6 },
    disk: slowDisks,
    faults: ['bounce', 'diskslow'],
    faultEveryMs: 700,
    faultForMs: [500, 2500],
    trimEveryMs: 3,
  },
  /** Logs are trimmed while much is not committed, because a disk is slow. */
  trims: {
    ...calm,
    nodes: 3,
    workload: writes,
    faults: ['diskslow', 'diskstall'],
    faultEveryMs: 700,
    faultForMs: [500, 2500],
    trimEveryMs: 30,
  },
  /** Sessions that read and write at one node each, while heads change and connections break. */
  ownNodes: {
    ...calm,
    pinned: 1,
    pinnedWrites: true,
    workload: { ...workload, reads: 0.3, keys: 4 },
    network: { ...network, delayMs: 2, spreadMs: 10 },
    faults: ['reset', 'leave', 'crash', 'cut'],
    faultEveryMs: 500,
    faultForMs: [300, 2000],
  },
  /** A stranger writes into the lease of the coordinators. */
  strayLeases: { ...calm, operations: 200, faults: ['leaseforeign'], faultEveryMs: 1500 },
  /** Stored values are damaged, and copied: logs are trimmed, so that who comes back needs a snapshot. */
  rotten: {
    ...calm,
    workload: { ...workload, keys: 500, conditions: 0 },
    faults: ['rot', 'crash'],
    rotStays: true,
    faultEveryMs: 700,
    faultForMs: [500, 2000],
    trimEveryMs: 20,
  },
  /** Frames hold little, scans take long, and many sessions write while members come back and need a snapshot. */
  smallFrames: {
    ...calm,
    clients: 60,
    operations: 2500,
    thinkMs: [100, 300],
    workload: { ...writes, keys: 200, valueBytes: 100 },
    limits: { ...limits, frameBytes: 1200, appendBytes: 300, copyBytes: 300, listBytes: 300 },
    disk: { durability: 'fsync', writeMs: 0.1, spreadMs: 0.2, scanMs: 1500 },
    faults: ['crash'],
    faultEveryMs: 1500,
    faultForMs: [800, 1500],
    trimEveryMs: 20,
  },
  /** The same, and chunks hold a few keys, whose values grow while they are scanned. */
  smallChunks: {
    ...calm,
    clients: 40,
    operations: 3000,
    thinkMs: [60, 200],
    workload: { ...writes, keys: 150, valueBytes: 1000 },
    limits: {
      ...limits,
      frameBytes: 1800,
      valueBytes: 1000,
      appendBytes: 300,
      copyBytes: 600,
      listBytes: 300,
    },
    disk: { durability: 'fsync', writeMs: 0.1, spreadMs: 0.2, scanMs: 1500 },
    faults: ['crash'],
    faultEveryMs: 1500,
    faultForMs: [800, 1500],
    trimEveryMs: 20,
  },
  /** Joiners whose disks stand still, and little memory for what they were not sent. */
  slowJoiners: {
    ...calm,
    workload: { ...writes, keys: 20 },
    limits: {
      ...limits,
      logMemoryBytes: 2000,
      pendingBytes: 1000,
      nodePendingBytes: 1000,
      inFlightBytes: 300,
    },
    faults: ['leave', 'drain', 'diskstall', 'diskslow'],
    faultEveryMs: 800,
    faultForMs: [500, 2000],
  },
  /** What the coordinators saved is deleted while some of them are away. */
  lostStates: {
    ...calm,
    coordinators: 1,
    operations: 300,
    faults: ['statelost', 'coordcrash', 'coordcrash'],
    faultEveryMs: 700,
    faultForMs: [500, 3000],
  },
  /** Ways that are longer than a heartbeat. */
  longWays: {
    ...calm,
    operations: 100,
    timings: defaultTimings,
    network: { ...network, noticeMs: 600, delayMs: 240, spreadMs: 24 },
    faults: ['cut', 'crash'],
    patienceMs: 10_000,
  },
  /** Members are cut off or left out, and asked for pages of what they hold. */
  exports: {
    ...calm,
    workload: { ...writes, keys: 6 },
    faults: ['cut', 'uncoordinated', 'leave', 'slowpath'],
    listEveryMs: 40,
  },
} as const satisfies Record<string, Partial<Plan>>;
