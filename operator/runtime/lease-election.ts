import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { isConflict, isNotFound } from './api-error.ts';
import { type Clock, type Random, sleep } from './clock.ts';
import type { Connection } from './connection.ts';
import type { KubeObject } from './kube-object.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { collectionPath, objectPath, resourceOf } from './resources.ts';

export interface ElectionOptions {
  connection: Connection;
  namespace: string;
  name: string;
  /** Unique for each process, not only for each pod: see `electionIdentity`. */
  identity: string;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics?: RuntimeMetrics;
  leaseMs?: number;
  renewDeadlineMs?: number;
  retryMs?: number;
}

export interface Leadership {
  /** Aborted when the leadership is lost; the process must then stop writing and exit. */
  lost: AbortSignal;
  /** Whether the lease is ours by our own clock at this instant, however late a timer may be. */
  isHeld(): boolean;
  /** Gives the lease back, so that another candidate need not wait for its end. Never rejects. */
  release(): Promise<void>;
}

interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string | null;
    leaseDurationSeconds?: number;
    acquireTime?: string | null;
    renewTime?: string | null;
    leaseTransitions?: number;
  };
}

export function electionIdentity(): string {
  return `${hostname()}_${crypto.randomUUID()}`;
}

/**
 * Leader election on a coordination.k8s.io Lease. A candidate never compares its clock with a time stamp: it watches
 * for the record to change and counts from its own last sight of a change. The holder counts from before it sent the
 * renewal, so it stops before anybody else may begin.
 */
export class LeaseElection {
  readonly #options: Required<Omit<ElectionOptions, 'metrics'>> & Pick<ElectionOptions, 'metrics'>;
  #lease: Lease | undefined;
  /** The record as last seen, and when it was first seen like this. */
  #seen: { record: string; atMs: number } | undefined;

  constructor(options: ElectionOptions) {
    this.#options = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000, ...options };
    const { leaseMs, renewDeadlineMs, retryMs } = this.#options;
    if (!(leaseMs > renewDeadlineMs && renewDeadlineMs > retryMs)) {
      throw new Error(
        `election: lease ${leaseMs} ms must exceed the renew deadline ${renewDeadlineMs} ms, and that the retry ${retryMs} ms`,
      );
    }
  }

  /** Waits until this process leads; `undefined` when `stop` came first. Never gives up because the API is away. */
  async campaign(stop: AbortSignal): Promise<Leadership | undefined> {
    const { clock, random, retryMs, log, name, identity, metrics } = this.#options;
    metrics?.isLeader.set({ name }, 0);
    while (!stop.aborted) {
      const sentAtMs = clock.monotonicMs();
      try {
        if (await this.#tryAcquire()) {
          log.info({ lease: name, identity }, 'Became leader');
          return this.#lead(sentAtMs);
        }
      } catch (error) {
        log.warn({ lease: name, err: error }, 'Could not try for leadership');
      }
      await sleep(clock, retryMs * (1 + random() * 0.2), stop);
    }
    return undefined;
  }

  #lead(acquiredAtMs: number): Leadership {
    const { clock, renewDeadlineMs, name, metrics } = this.#options;
    const lost = new AbortController();
    const released = new AbortController();
    let renewedAtMs = acquiredAtMs;
    const isHeld = () =>
      !lost.signal.aborted && !released.signal.aborted && clock.monotonicMs() - renewedAtMs < renewDeadlineMs;
    metrics?.isLeader.set({ name }, 1);
    const renewing = this.#keepRenewing(
      released.signal,
      () => clock.monotonicMs() - renewedAtMs,
      (atMs) => {
        renewedAtMs = atMs;
      },
    ).then((why) => {
      metrics?.isLeader.set({ name }, 0);
      if (why !== undefined) lost.abort(new Error(why));
    });
    const release = async () => {
      const held = isHeld();
      released.abort();
      await renewing;
      if (held) await this.#giveBack();
    };
    return { lost: lost.signal, isHeld, release };
  }

  /** Resolves with why the leadership ended, `undefined` when it was given back. */
  async #keepRenewing(
    released: AbortSignal,
    ageMs: () => number,
    renewed: (atMs: number) => void,
  ): Promise<string | undefined> {
    const { clock, retryMs, renewDeadlineMs, log, name } = this.#options;
    while (!released.aborted) {
      await sleep(clock, Math.min(retryMs, renewDeadlineMs - ageMs()), released);
      if (released.aborted) return undefined;
      if (ageMs() >= renewDeadlineMs) return `lease ${name} was not renewed for ${Math.round(ageMs())} ms`;
      const sentAtMs = clock.monotonicMs();
      try {
        if (!(await this.#renew(renewDeadlineMs - ageMs())))
          return `lease ${name} was taken by another process`;
        // An answer that comes after the deadline may be older than another's leadership.
        if (ageMs() < renewDeadlineMs) renewed(sentAtMs);
      } catch (error) {
        log.warn({ lease: name, err: error }, 'Could not renew the leadership yet');
      }
    }
    return undefined;
  }

  async #tryAcquire(): Promise<boolean> {
    const { identity, clock } = this.#options;
    const lease = await this.#read();
    if (lease === undefined) return await this.#create();
    const holder = lease.spec?.holderIdentity ?? '';
    const ownMs = this.#options.leaseMs;
    const lastsMs = Math.max(ownMs, (lease.spec?.leaseDurationSeconds ?? 0) * 1000);
    const unchangedMs = clock.monotonicMs() - (this.#seen?.atMs ?? clock.monotonicMs());
    if (holder !== '' && holder !== identity && unchangedMs < lastsMs) return false;
    return await this.#write(lease, { transition: holder !== identity });
  }

  /** False when the lease belongs to somebody else now. */
  async #renew(withinMs: number): Promise<boolean> {
    const known = this.#lease;
    if (known !== undefined && (await this.#write(known, { transition: false, withinMs }))) return true;
    // Our copy was outdated. Whose the lease is decides whether that matters.
    const lease = await this.#read(withinMs);
    if (lease === undefined) return await this.#create();
    if (lease.spec?.holderIdentity !== this.#options.identity) return false;
    return await this.#write(lease, { transition: false, withinMs });
  }

  async #read(withinMs?: number): Promise<Lease | undefined> {
    try {
      const lease = (await this.#send('GET', undefined, withinMs)) as Lease;
      this.#observe(lease);
      return lease;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** False when another process changed the lease first. */
  async #write(lease: Lease, how: { transition: boolean; withinMs?: number }): Promise<boolean> {
    const { identity, leaseMs, clock } = this.#options;
    const now = microTime(clock.wallMs());
    const spec = {
      ...lease.spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMs / 1000),
      renewTime: now,
      acquireTime: how.transition ? now : (lease.spec?.acquireTime ?? now),
      leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + (how.transition ? 1 : 0),
    };
    return await this.#attempt(() => this.#send('PUT', { ...lease, spec }, how.withinMs));
  }

  #create(): Promise<boolean> {
    const { namespace, name, identity, leaseMs, clock } = this.#options;
    const now = microTime(clock.wallMs());
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(leaseMs / 1000),
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    };
    const { apiVersion, kind } = resourceOf('Lease');
    return this.#attempt(() => this.#send('POST', { apiVersion, kind, metadata: { namespace, name }, spec }));
  }

  async #attempt(send: () => Promise<unknown>): Promise<boolean> {
    try {
      this.#observe((await send()) as Lease);
      return true;
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false;
      throw error;
    }
  }

  async #giveBack(): Promise<void> {
    const { log, name, leaseMs } = this.#options;
    const lease = this.#lease;
    if (lease === undefined) return;
    try {
      await this.#send('PUT', {
        ...lease,
        spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 },
      });
      log.info({ lease: name }, 'Gave the leadership back');
    } catch (error) {
      log.warn({ lease: name, err: error, leaseMs }, 'Could not give the leadership back; it will run out');
    }
  }

  #observe(lease: Lease): void {
    const record = JSON.stringify(lease.spec ?? {});
    if (this.#seen?.record !== record) this.#seen = { record, atMs: this.#options.clock.monotonicMs() };
    this.#lease = lease;
  }

  #send(method: 'GET' | 'PUT' | 'POST', body?: unknown, withinMs?: number): Promise<unknown> {
    const { connection, namespace, name, renewDeadlineMs } = this.#options;
    const { apiVersion, kind } = resourceOf('Lease');
    const path =
      method === 'POST'
        ? collectionPath(resourceOf('Lease'), namespace)
        : objectPath({ apiVersion, kind, namespace, name });
    // Two tries must fit into the deadline.
    const timeoutMs = Math.max(1, Math.min(renewDeadlineMs / 2, withinMs ?? renewDeadlineMs / 2));
    return connection.send({ method, path, timeoutMs, ...(body === undefined ? {} : { body }) });
  }
}

/** The API's MicroTime. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z');
}
