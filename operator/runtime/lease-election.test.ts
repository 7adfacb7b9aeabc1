import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiError } from './api-error.ts';
import type { Connection } from './connection.ts';
import { type Leadership, LeaseElection } from './lease-election.ts';
import { ManualClock } from './manual-clock.ts';

interface Record {
  metadata: { name: string; resourceVersion?: string };
  spec: { holderIdentity?: string; leaseTransitions?: number; renewTime?: string };
}

/** One Lease with compare-and-swap, reachable or not, as each candidate sees it. */
class FakeLease {
  record: Record | undefined;
  readonly unreachable = new Set<string>();
  #version = 0;

  connectionOf(identity: string): Connection {
    return {
      send: async ({ method, body }) => {
        if (this.unreachable.has(identity)) throw refusal(0);
        if (method === 'GET' && this.record === undefined) throw refusal(404);
        if (method === 'GET') return structuredClone(this.record);
        const sent = body as Record;
        if (method === 'POST' && this.record !== undefined) throw refusal(409);
        if (method === 'PUT' && sent.metadata.resourceVersion !== this.record?.metadata.resourceVersion)
          throw refusal(409);
        this.#version += 1;
        this.record = {
          ...structuredClone(sent),
          metadata: { ...sent.metadata, resourceVersion: `${this.#version}` },
        };
        return structuredClone(this.record);
      },
      lines: () => {
        throw new Error('the election watches nothing');
      },
    };
  }
}

function refusal(code: number): ApiError {
  return new ApiError({ code, reason: `code ${code}`, message: `code ${code}` });
}

let lease: FakeLease;
let stop: AbortController;
beforeEach(() => {
  lease = new FakeLease();
  stop = new AbortController();
});
afterEach(() => stop.abort());

function candidate(identity: string, clock: ManualClock) {
  const election = new LeaseElection({
    connection: lease.connectionOf(identity),
    namespace: 'ns',
    name: 'op',
    identity,
    clock,
    random: () => 0,
    log: pino({ level: 'silent' }),
  });
  const state: { leadership: Leadership | undefined } = { leadership: undefined };
  void election.campaign(stop.signal).then((leadership) => {
    state.leadership = leadership;
  });
  return {
    get leads() {
      return state.leadership?.isHeld() === true;
    },
    get leadership() {
      return state.leadership;
    },
  };
}

describe('LeaseElection', () => {
  test('one of two leads, and goes on leading', async () => {
    const clock = new ManualClock();
    const [a, b] = [candidate('a', clock), candidate('b', clock)];
    await clock.advance(1000);
    expect([a.leads, b.leads]).toEqual([true, false]);
    await clock.advance(300_000);
    expect([a.leads, b.leads]).toEqual([true, false]);
    expect(lease.record?.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
  });

  test('a leader that gives back is followed within one retry, without waiting for the lease', async () => {
    const clock = new ManualClock();
    const a = candidate('a', clock);
    await clock.advance(100);
    const b = candidate('b', clock);
    await clock.advance(5000);
    const released = a.leadership?.release();
    await clock.advance(0);
    await released;
    expect(a.leads).toBe(false);
    await clock.advance(2100);
    expect(b.leads).toBe(true);
    expect(lease.record?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  test('a leader that cannot renew stops before anybody else begins', async () => {
    const clock = new ManualClock();
    const a = candidate('a', clock);
    await clock.advance(100);
    const b = candidate('b', clock);
    await clock.advance(5000);
    lease.unreachable.add('a');
    let bothLed = false;
    let gap = 0;
    for (let ms = 0; ms < 40_000 && !b.leads; ms += 100) {
      await clock.advance(100);
      bothLed ||= a.leads && b.leads;
      if (!a.leads && !b.leads) gap += 100;
    }
    expect(bothLed).toBe(false);
    expect(b.leads).toBe(true);
    expect(gap).toBeGreaterThan(0);
    expect(a.leadership?.lost.aborted).toBe(true);
  });

  test('a short outage costs nothing', async () => {
    const clock = new ManualClock();
    const a = candidate('a', clock);
    await clock.advance(5000);
    lease.unreachable.add('a');
    await clock.advance(6000);
    lease.unreachable.delete('a');
    await clock.advance(60_000);
    expect(a.leads).toBe(true);
  });

  test('a frozen leader knows at its first instant awake that it leads no more', async () => {
    const [clockA, clockB] = [new ManualClock(), new ManualClock()];
    const a = candidate('a', clockA);
    await clockA.advance(100);
    const b = candidate('b', clockB);
    await clockB.advance(20_000);
    expect([a.leads, b.leads]).toEqual([true, true]); // a is frozen: nobody asks it
    clockA.freeze(20_000);
    expect(a.leads).toBe(false);
    await clockA.advance(5000);
    expect(a.leadership?.lost.aborted).toBe(true);
    expect(lease.record?.spec.holderIdentity).toBe('b');
    expect(b.leads).toBe(true);
  });

  test('steps of the wall clock change nothing', async () => {
    const [clockA, clockB] = [new ManualClock(), new ManualClock()];
    const a = candidate('a', clockA);
    await clockA.advance(100);
    clockB.stepWall(3_600_000);
    const b = candidate('b', clockB);
    for (let i = 0; i < 60; i++) {
      if (i === 20) clockA.stepWall(-7_200_000);
      if (i === 40) clockB.stepWall(-7_200_000);
      await clockA.advance(1000);
      await clockB.advance(1000);
      expect([a.leads, b.leads]).toEqual([true, false]);
    }
  });

  test('a newcomer waits a whole lease from its own first sight of an abandoned record', async () => {
    const [clockA, clockB] = [new ManualClock(), new ManualClock()];
    candidate('a', clockA);
    await clockA.advance(100);
    const b = candidate('b', clockB);
    await clockB.advance(14_000);
    expect(b.leads).toBe(false);
    await clockB.advance(3000);
    expect(b.leads).toBe(true);
  });

  test('a leader whose lease another process took says so', async () => {
    const clock = new ManualClock();
    const a = candidate('a', clock);
    await clock.advance(1000);
    await lease.connectionOf('x').send({
      method: 'PUT',
      path: '',
      body: { ...lease.record, spec: { ...lease.record?.spec, holderIdentity: 'thief' } },
    });
    await clock.advance(3000);
    expect(a.leads).toBe(false);
    expect(String(a.leadership?.lost.reason)).toContain('taken by another process');
  });

  test('a deleted lease is made again', async () => {
    const clock = new ManualClock();
    const a = candidate('a', clock);
    await clock.advance(1000);
    lease.record = undefined;
    await clock.advance(5000);
    expect(a.leads).toBe(true);
    expect(lease.record).toMatchObject({ spec: { holderIdentity: 'a' } });
  });

  test('refuses times that do not fit together', () => {
    const common = {
      connection: lease.connectionOf('a'),
      namespace: 'ns',
      name: 'op',
      identity: 'a',
      random: () => 0,
    };
    const log = pino({ level: 'silent' });
    expect(() => new LeaseElection({ ...common, clock: new ManualClock(), log, leaseMs: 5000 })).toThrow(
      /must exceed/,
    );
  });
});
