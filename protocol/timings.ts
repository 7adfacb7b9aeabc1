/** Durations of the protocol in milliseconds. Relations between them are checked by `checkTimings`. */
export interface Timings {
  /** A node's heartbeat to the leading coordinator. */
  readonly heartbeatMs: number;
  /** Read lease granted with each heartbeat answer. 0 = none: each strong read is proven by a barrier. */
  readonly readLeaseMs: number;
  /** Silence after which a node is suspect. */
  readonly suspectMs: number;
  /** Silence after which a node is dead. */
  readonly deadMs: number;
  /** Leadership of a coordinator. */
  readonly coordinatorLeaseMs: number;
  readonly coordinatorRenewMs: number;
  /** Bound on the error of a clock's rate, as a fraction. */
  readonly clockRate: number;
  /** Beacon of a link with something uncommitted; repetitions of questions are counted in it (`retryMs`). */
  readonly beaconMs: number;
  /** How long results of writes are kept against retries, counted in stamps inside entries. */
  readonly dedupeHorizonMs: number;
}

export const defaultTimings: Timings = {
  heartbeatMs: 200,
  readLeaseMs: 1000,
  suspectMs: 600,
  deadMs: 1200,
  coordinatorLeaseMs: 3000,
  coordinatorRenewMs: 1000,
  clockRate: 0.05,
  beaconMs: 50,
  dedupeHorizonMs: 900_000,
};

/**
 * The longest time in which a living node finds a new leader, with one coordinator down (R46): it gives up on two of
 * them, one after the other, and its first heartbeat is on its way.
 */
export const hearingMs = (t: Timings): number => 2 * (3 * t.heartbeatMs + t.suspectMs) + t.heartbeatMs;

/**
 * How long a question waits before it is sent again for the `times`-th time: `firstMs` at first, then twice as long each
 * time, so that repetitions over a slow way do not crowd out the answers. The repetition is the same question (R49).
 */
export const retryMs = (firstMs: number, times: number): number => firstMs * 2 ** Math.min(times, 4);

/** What the holder of a lease may count on, from the moment it SENT its request. */
export const leaseHeldMs = (leaseMs: number, rate: number): number => leaseMs * (1 - rate);
/** How long the granter must treat a lease as alive, from the moment it RECEIVED the request. */
export const leaseGrantedMs = (leaseMs: number, rate: number): number => leaseMs * (1 + rate);

/**
 * How much more the wall clock went on than the monotonic one between two looks at both, where that is more than a lease
 * of `leaseMs` can bear; else 0. A monotonic clock may stand still while a machine sleeps (P44); a wall clock that is set
 * looks the same, and costs no more than a lease.
 */
export function sleptMs(
  before: { readonly mono: number; readonly wall: number },
  now: { readonly mono: number; readonly wall: number },
  leaseMs: number,
  rate: number,
): number {
  const ms = now.wall - before.wall - (now.mono - before.mono);
  return Math.abs(ms) > (leaseMs > 0 ? leaseMs : defaultTimings.readLeaseMs) * rate ? ms : 0;
}

/** Sentences for every relation that does not hold; empty when the timings are sound. */
export function checkTimings(t: Timings): string[] {
  const problems: string[] = [];
  const must = (holds: boolean, sentence: string): void => {
    if (!holds) problems.push(sentence);
  };
  must(t.heartbeatMs > 0, 'heartbeatMs must be above 0');
  must(
    t.readLeaseMs === 0 || t.heartbeatMs * 2 <= t.readLeaseMs,
    'readLeaseMs must be 0 (none) or at least twice heartbeatMs, or leases lapse between heartbeats',
  );
  must(t.heartbeatMs < t.suspectMs, 'suspectMs must be above heartbeatMs');
  must(t.suspectMs < t.deadMs, 'deadMs must be above suspectMs');
  must(
    t.coordinatorRenewMs * 2 <= t.coordinatorLeaseMs,
    'coordinatorLeaseMs must be at least twice coordinatorRenewMs',
  );
  must(t.clockRate >= 0 && t.clockRate < 0.5, 'clockRate must be in 0..0.5');
  must(t.dedupeHorizonMs >= 10_000, 'dedupeHorizonMs must be at least 10 s');
  return problems;
}
