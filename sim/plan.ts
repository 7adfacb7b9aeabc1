/** What one run consists of: everything that is fixed before its first event. */
import type { Desired } from '../protocol/coordinator/contract.ts';
import type { Limits } from '../protocol/limits.ts';
import type { Timings } from '../protocol/timings.ts';
import type { FaultClass } from './faults/classes.ts';
import type { WorkloadOptions } from './workload.ts';
import type { DiskOptions } from './world/disk.ts';
import type { NetworkOptions } from './world/network.ts';

export interface Plan {
  readonly seed: number;
  readonly nodes: number;
  /** Nodes that hold data at first; the others join later. */
  readonly slots: number;
  readonly replicationFactor: number;
  readonly coordinators: number;
  readonly clients: number;
  /** Share of sessions that read at one node only; none given = the first, and three of ten of the others. */
  readonly pinned?: number;
  /** They write there too. */
  readonly pinnedWrites?: boolean;
  /** Operations of all clients together. */
  readonly operations: number;
  /** Mean time between two operations of one client, in bursts and in idle times. */
  readonly thinkMs: readonly [busy: number, idle: number];
  readonly timings: Timings;
  readonly limits: Limits;
  readonly tickMs: number;
  readonly workload: WorkloadOptions;
  readonly network: NetworkOptions;
  readonly disk: DiskOptions;
  readonly faults: readonly FaultClass[];
  /** Mean time between two faults. */
  readonly faultEveryMs: number;
  /** How long a fault lasts. */
  readonly faultForMs: readonly [shortest: number, longest: number];
  /** The longest time that clients and faults go on. */
  readonly durationMs: number;
  readonly concurrentMoves: number;
  readonly osRestart: Desired['osRestart'];
  /** Mean time between two walks of somebody who exports; 0 = nobody does. */
  readonly listEveryMs: number;
  /** Longest time that each client waits for one operation. */
  readonly patienceMs: number;
  /** How often stores ask to trim their logs; 0 = never. */
  readonly trimEveryMs: number;
  /** Damaged records stay damaged until somebody mends them; not given = until the fault ends. */
  readonly rotStays?: boolean;
}
