/** What one measurement of one run says. */
export interface Sample {
  /** Length of the window. */
  readonly seconds: number;
  /** Operations that succeeded inside it. */
  readonly operations: number;
  /** Operations that failed, by what they failed with. */
  readonly errors: Readonly<Record<string, number>>;
  /** Histograms of microseconds, HDR V2 compressed; '' when nothing was recorded. */
  readonly reads: string;
  readonly writes: string;
  /** Open loop: how late the generator itself was. */
  readonly late: string;
  /** CPU of the load generator and of the servers, in seconds; of everything else, in cores. */
  readonly clientCpu: number;
  readonly serverCpu: number;
  readonly othersCores: number;
  /** Successes per `bucketMs`, for plots over time; empty when nobody asked. */
  readonly buckets: readonly number[];
}

/** One load on one system, measured several times. */
export interface Cell {
  readonly system: string;
  readonly workload: string;
  /** Callers that each wait for their answer (closed loop); null for an open loop. */
  readonly concurrency: number | null;
  /** Operations per second that began whether earlier ones had ended or not (open loop); null for a closed loop. */
  readonly rate: number | null;
  readonly samples: readonly Sample[];
}

/** Names a cell within a report. */
export const cellId = (cell: Omit<Cell, 'samples'>): string =>
  `${cell.system} / ${cell.workload} / ${cell.concurrency === null ? `${cell.rate} per s` : `c=${cell.concurrency}`}`;
