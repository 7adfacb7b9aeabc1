/**
 * Leadership over a state store: a lease elects, an epoch in the state fences (P42). A candidate judges a lease only
 * by how long IT saw the object unchanged, never by anybody's clock. A new leader's first act is to write its epoch
 * into the state; what it read in that very write is its state (R11).
 */
import { leaseGrantedMs, leaseHeldMs } from '../timings.ts';
import type { Epoch, Revision } from '../words.ts';
import type { StoredObject, StoreOutcome } from './contract.ts';
import { type ClusterState, type CoordinatorState, notice, type StoreCall } from './state.ts';

interface LeaseRecord {
  readonly holder: string;
  readonly address: string;
  readonly durationMs: number;
  /** Rises with every renewal, so that the object changes. */
  readonly renewal: number;
  readonly released: boolean;
}

/** Grants, decisions and publications happen only while this is true (R12). */
export const leads = (s: CoordinatorState): boolean =>
  s.leading.at === 'leader' && s.now.mono < s.leaderUntil;

/** The lease is over now, and so is one that a write which is still under way brings: its age is not known any more. */
export function loseLease(s: CoordinatorState): void {
  s.leaderUntil = Number.NEGATIVE_INFINITY;
  for (const [id, what] of s.storeCalls)
    if (what.kind === 'acquire' || what.kind === 'renew')
      s.storeCalls.set(id, { kind: what.kind, sentAt: Number.NEGATIVE_INFINITY });
}

const busyWith = (s: CoordinatorState, kind: StoreCall['kind']): boolean =>
  [...s.storeCalls.values()].some((c) => c.kind === kind);

export function call(
  s: CoordinatorState,
  what: StoreCall,
  object: StoredObject,
  write: { value: string; expect: string | null } | null,
): void {
  s.storeId++;
  s.storeCalls.set(s.storeId, what);
  s.effects.stores.push(
    write === null ? { id: s.storeId, op: 'read', object } : { id: s.storeId, op: 'write', object, ...write },
  );
}

export function tickElection(s: CoordinatorState): void {
  const t = s.desired.timings;
  if (s.leading.at !== 'follower' && s.now.mono >= s.leaderUntil)
    stepDown(s, 'its lease ran out before it could be renewed');
  if (s.resigned) return;
  if (s.leading.at === 'follower') {
    if (
      s.now.mono - s.leaseReadAt >= t.coordinatorRenewMs &&
      !busyWith(s, 'readLease') &&
      !busyWith(s, 'acquire')
    ) {
      s.leaseReadAt = s.now.mono;
      call(s, { kind: 'readLease' }, 'lease', null);
    }
    return;
  }
  if (s.now.mono - s.leaseSentAt >= t.coordinatorRenewMs && !busyWith(s, 'renew')) {
    s.leaseSentAt = s.now.mono;
    call(s, { kind: 'renew', sentAt: s.now.mono }, 'lease', {
      value: leaseRecord(s, false),
      expect: s.leaseTag,
    });
  }
}

function leaseRecord(s: CoordinatorState, released: boolean): string {
  const record: LeaseRecord = {
    holder: s.config.name,
    address: s.config.address,
    durationMs: s.desired.timings.coordinatorLeaseMs,
    renewal: s.storeId,
    released,
  };
  return JSON.stringify(record);
}

export function onLease(
  s: CoordinatorState,
  what: StoreCall & { kind: 'readLease' | 'acquire' | 'renew' | 'release' },
  o: StoreOutcome,
): void {
  if (what.kind === 'release') return;
  if (what.kind === 'readLease') return onLeaseRead(s, o);
  if (o.kind === 'written') {
    s.leaseTag = o.tag;
    s.leaderUntil =
      what.sentAt + leaseHeldMs(s.desired.timings.coordinatorLeaseMs, s.desired.timings.clockRate);
    if (what.kind === 'acquire' && s.leading.at === 'follower') {
      s.leading = { at: 'fencing' };
      s.leaseSentAt = what.sentAt;
      s.leaseHolder = s.config.name;
      s.leaseAddress = s.config.address;
      notice(s, 'info', 'lease.acquired', { name: s.config.name });
      call(s, { kind: 'readState' }, 'state', null);
    }
    return;
  }
  if (what.kind === 'renew' && o.kind === 'conflict') stepDown(s, 'another coordinator took the lease');
  // An unknown outcome may have changed the tag: the next read tells.
  if (what.kind === 'renew' && o.kind === 'unknown') call(s, { kind: 'readLease' }, 'lease', null);
}

function onLeaseRead(s: CoordinatorState, o: StoreOutcome): void {
  if (o.kind !== 'read') return;
  const record = o.value === null ? null : (JSON.parse(o.value) as LeaseRecord);
  if (o.tag !== s.leaseTag || s.leaseSeenAt === Number.NEGATIVE_INFINITY) s.leaseSeenAt = s.now.mono;
  s.leaseTag = o.tag;
  s.leaseHolder = record?.holder ?? '';
  s.leaseAddress = record?.released === true ? '' : (record?.address ?? '');
  s.leaseReleased = record === null || record.released;
  s.leaseDurationMs = record?.durationMs ?? 0;
  if (s.leading.at !== 'follower') {
    if (record === null || record.holder !== s.config.name || record.released)
      stepDown(s, 'another coordinator holds the lease');
    return;
  }
  const free =
    s.leaseReleased ||
    s.now.mono - s.leaseSeenAt >= leaseGrantedMs(s.leaseDurationMs, s.desired.timings.clockRate);
  if (!free || s.resigned || busyWith(s, 'acquire')) return;
  call(s, { kind: 'acquire', sentAt: s.now.mono }, 'lease', {
    value: leaseRecord(s, false),
    expect: s.leaseTag,
  });
}

/** Stops everything that only a leader may do, at once. */
export function stepDown(s: CoordinatorState, why: string): void {
  if (s.leading.at === 'follower') return;
  notice(s, 'warn', 'leader.stepped_down', { name: s.config.name, why });
  s.leading = { at: 'follower' };
  s.leaderUntil = Number.NEGATIVE_INFINITY;
  s.leaseSeenAt = Number.NEGATIVE_INFINITY;
  s.leaseReadAt = s.now.mono;
  s.saved = null;
  s.work = null;
  s.saving = null;
  s.heard.clear();
  // What it granted once says nothing about what others grant from now on.
  s.leases.clear();
  s.firsts.clear();
  s.firstAt = null;
  s.registering = [];
  s.publishedAt.clear();
  s.massSince = null;
  for (const c of s.pendingCommands)
    s.effects.replies.push({
      tag: c.tag,
      ok: false,
      message: 'this coordinator does not lead any more; ask the leader',
    });
  s.pendingCommands = [];
}

export function resign(s: CoordinatorState): void {
  if (s.resigned) return;
  s.resigned = true;
  const held = s.leading.at !== 'follower' && s.now.mono < s.leaderUntil;
  stepDown(s, 'it was told to stop');
  if (held && s.leaseTag !== null)
    call(s, { kind: 'release' }, 'lease', { value: leaseRecord(s, true), expect: s.leaseTag });
}

/** The state was read: fence it by writing the next epoch into it. */
export function onStateRead(s: CoordinatorState, o: StoreOutcome): void {
  if (s.leading.at !== 'fencing') return;
  if (o.kind !== 'read') {
    // A leader that can't read steps down (R31).
    return stepDown(s, 'the state could not be read');
  }
  s.stateTag = o.tag;
  if (o.value === null) {
    s.saved = null;
    s.work = null;
    s.leading = { at: 'leader' };
    s.takeoverAt = s.now.mono;
    return;
  }
  const old = JSON.parse(o.value) as ClusterState;
  fence(s, { ...old, epoch: (old.epoch + 1) as Epoch, revision: (old.revision + 1) as Revision });
}

/** Writes `state`, whose epoch is this leader's, as its first act. */
export function fence(s: CoordinatorState, state: ClusterState): void {
  const leased: ClusterState = {
    ...state,
    leaseMsMax: Math.max(state.leaseMsMax, s.desired.timings.readLeaseMs),
  };
  call(s, { kind: 'fence', state: leased }, 'state', { value: JSON.stringify(leased), expect: s.stateTag });
}

export function onFenced(s: CoordinatorState, state: ClusterState, o: StoreOutcome): void {
  if (s.leading.at === 'follower') return;
  if (o.kind !== 'written')
    return stepDown(
      s,
      o.kind === 'conflict' ? 'another coordinator wrote the state' : 'the state could not be written',
    );
  s.stateTag = o.tag;
  s.saved = state;
  s.work = state;
  s.leading = { at: 'leader' };
  s.takeoverAt = s.now.mono;
  s.savedAt = s.now.mono;
  s.counter = 0;
  s.heard.clear();
  s.publishedAt.clear();
  notice(s, 'info', 'leader.elected', { name: s.config.name, epoch: state.epoch, revision: state.revision });
}
