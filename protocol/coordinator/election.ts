/**
 * Leadership over a state store: a lease elects, an epoch in the state fences (P42). A candidate judges a lease only
 * by how long IT saw the object unchanged, never by anybody's clock. A new leader's first act is to write its epoch
 * into the state; what it read in that very write is its state (R11).
 */
import { leaseGrantedMs, leaseHeldMs } from '../timings.ts';
import type { Epoch, Reign, Revision } from '../words.ts';
import type { StoredObject, StoreOutcome } from './contract.ts';
import { orphan, withReign } from './history.ts';
import { type ClusterState, type CoordinatorState, notice, type StoreCall } from './state.ts';
import { readLease, readState, writeLease, writeState } from './stored.ts';

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
  const busy = busyWith(s, 'renew') || busyWith(s, 'readLease');
  if (s.now.mono - s.leaseSentAt >= t.coordinatorRenewMs && !busy) {
    s.leaseSentAt = s.now.mono;
    call(s, { kind: 'renew', sentAt: s.now.mono }, 'lease', {
      value: leaseRecord(s, false),
      expect: s.leaseTag,
    });
  }
}

const leaseRecord = (s: CoordinatorState, released: boolean): string =>
  writeLease({
    holder: s.config.name,
    process: s.config.process,
    address: s.config.address,
    durationMs: s.desired.timings.coordinatorLeaseMs,
    renewal: s.storeId,
    released,
  });

export function onLease(
  s: CoordinatorState,
  what: StoreCall & { kind: 'readLease' | 'acquire' | 'renew' | 'release' },
  o: StoreOutcome,
): void {
  if (what.kind === 'release') return;
  if (what.kind === 'readLease') return onLeaseRead(s, o);
  if (o.kind === 'written') {
    s.leaseTag = o.tag;
    s.leaseDoubt = false;
    s.leaseDamage = '';
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
  if (o.kind === 'read') return;
  // No answer: the record that lies there may be this very one. A conflict after that says so too; the next read tells.
  if (o.kind === 'unknown') s.leaseDoubt = true;
  if (o.kind === 'conflict') {
    if (what.kind === 'acquire') return;
    if (!s.leaseDoubt) return stepDown(s, 'another coordinator took the lease');
    s.leaseSentAt = Number.NEGATIVE_INFINITY;
  }
  if (!busyWith(s, 'readLease')) call(s, { kind: 'readLease' }, 'lease', null);
}

function onLeaseRead(s: CoordinatorState, o: StoreOutcome): void {
  if (o.kind !== 'read') return;
  const found = o.value === null ? null : readLease(o.value);
  if (o.tag !== s.leaseTag || s.leaseSeenAt === Number.NEGATIVE_INFINITY) s.leaseSeenAt = s.now.mono;
  s.leaseTag = o.tag;
  noteDamage(s, found?.ok === false ? found.why : '');
  // It is nobody's to take: who wrote it is not known, nor for how long it counts.
  if (found?.ok === false) return stepDown(s, s.leaseDamage);
  const record = found === null ? null : found.value;
  s.leaseHolder = record?.holder ?? '';
  s.leaseAddress = record?.released === true ? '' : (record?.address ?? '');
  s.leaseReleased = record === null || record.released;
  s.leaseDurationMs = record?.durationMs ?? 0;
  const own = record?.process === s.config.process && !record.released;
  if (s.leading.at !== 'follower') {
    // Its own renewal, of which it did not hear: the next one goes on from there.
    if (!own) stepDown(s, 'another coordinator holds the lease');
    return;
  }
  const free =
    s.leaseReleased ||
    // An own record that it wrote without hearing of it: nobody else can hold the lease.
    (own && s.leaseDoubt) ||
    s.now.mono - s.leaseSeenAt >= leaseGrantedMs(s.leaseDurationMs, s.desired.timings.clockRate);
  if (!free || s.resigned || busyWith(s, 'acquire')) return;
  call(s, { kind: 'acquire', sentAt: s.now.mono }, 'lease', {
    value: leaseRecord(s, false),
    expect: s.leaseTag,
  });
}

function noteDamage(s: CoordinatorState, why: string): void {
  const sentence =
    why === ''
      ? ''
      : `what lies where the coordinators' lease should be ${why}; nobody can lead until it is removed (${s.config.objects.lease}): coordinators make it anew`;
  if (sentence !== '' && sentence !== s.leaseDamage) notice(s, 'error', 'lease.unreadable', { why });
  s.leaseDamage = sentence;
  if (sentence !== '') s.leaseHolder = s.leaseAddress = '';
}

/** Stops everything that only a leader may do, at once. */
export function stepDown(s: CoordinatorState, why: string): void {
  if (s.leading.at === 'follower') return;
  notice(s, 'warn', 'leader.stepped_down', { name: s.config.name, why });
  s.leading = { at: 'follower' };
  s.leaderUntil = Number.NEGATIVE_INFINITY;
  s.leaseSeenAt = Number.NEGATIVE_INFINITY;
  s.leaseReadAt = s.now.mono;
  s.leaseDoubt = false;
  s.saved = null;
  s.work = null;
  s.saving = null;
  s.retryAt = null;
  s.stateTrouble = '';
  s.orphans.clear();
  s.foreign.clear();
  s.confirmed = false;
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
    takeOver(s, null);
    return;
  }
  const old = readState(o.value);
  if (!old.ok) {
    takeOver(s, null);
    return orphan(s, `what lies in the state store ${old.why}`);
  }
  const { epoch, revision } = old.value;
  const next = { ...old.value, epoch: (epoch + 1) as Epoch, revision: (revision + 1) as Revision };
  fence(s, next);
}

/** Writes `state`, whose epoch is this leader's, as its first act: a leadership of its own in the state's history. */
export function fence(s: CoordinatorState, state: ClusterState): void {
  const { epoch, revision } = state;
  const fenced: ClusterState = {
    ...state,
    reigns: withReign(state.reigns, { epoch, id: nextReign(s), from: revision }),
    leaseMsMax: Math.max(state.leaseMsMax, s.desired.timings.readLeaseMs),
  };
  call(s, { kind: 'fence', state: fenced }, 'state', { value: writeState(fenced), expect: s.stateTag });
}

/** Random as the process's number is, and another one for each leadership of this process. */
export function nextReign(s: CoordinatorState): Reign {
  s.reigns++;
  return ((s.config.process + s.reigns) % Number.MAX_SAFE_INTEGER) as Reign;
}

export function onFenced(s: CoordinatorState, state: ClusterState, o: StoreOutcome): void {
  if (s.leading.at === 'follower') return;
  if (o.kind !== 'written')
    return stepDown(
      s,
      o.kind === 'conflict' ? 'another coordinator wrote the state' : 'the state could not be written',
    );
  s.stateTag = o.tag;
  takeOver(s, state);
  notice(s, 'info', 'leader.elected', { name: s.config.name, epoch: state.epoch, revision: state.revision });
  answerSaved(s, state);
}

/** Leads from now on, with the state that lies in the store; null = none does. Everybody has a full chance to be heard (R46). */
function takeOver(s: CoordinatorState, state: ClusterState | null): void {
  s.saved = state;
  s.work = state;
  s.leading = { at: 'leader' };
  s.takeoverAt = s.now.mono;
  s.hearingOver = false;
  s.confirmed = false;
  s.savedAt = s.now.mono;
  s.lookedAt = s.now.mono;
  s.counter = 0;
  s.heard.clear();
  s.foreign.clear();
  s.orphans.clear();
  s.publishedAt.clear();
}

/** Orders that this state carries out are answered. */
export function answerSaved(s: CoordinatorState, state: ClusterState): void {
  const done = s.pendingCommands.filter((c) => c.revision <= state.revision);
  s.pendingCommands = s.pendingCommands.filter((c) => c.revision > state.revision);
  for (const c of done) s.effects.replies.push({ tag: c.tag, ok: true, message: c.message });
}
