/**
 * What a replica puts into the node's next batch, and what a written batch proves. Everything is computed when the
 * batch is taken, so that whatever happened while the last one was being written goes out together (group commit).
 */
import type { Entry } from '../entry.ts';
import { invariant } from '../errors.ts';
import type { PersistItem, SessionRecord } from '../persist.ts';
import { type Assignment, type ClientId, type Key, type Position, type Seq, samePosition } from '../words.ts';
import { advance, releaseMemory } from './chain.ts';
import { activate } from './install.ts';
import { takesEffect } from './joining.ts';
import { itemAt, positionAt, trimTo } from './log.ts';
import { collectRepairs, repairsDue, repairsPersisted } from './repair.ts';
import { encodeSession } from './sessions.ts';
import { type Context, isTail, type Replica } from './state.ts';

/** Entries whose effect goes into one batch, so that a long catch-up does not make one huge batch. */
const appliesPerBatch = 4096;

/** Whether somebody waits for what is not on disk yet. Effects, marks and trims alone only tidy up: nobody does. */
export const presses = (r: Replica): boolean =>
  r.taken < r.log.end.seq ||
  r.installing !== null ||
  r.dropTo !== null ||
  r.eraseAt !== null ||
  r.copied.length > 0 ||
  repairsDue(r) ||
  r.damage.log ||
  r.copiedSessions.length > 0 ||
  r.takenComplete !== r.complete ||
  r.role === 'joiner';

/** Under it this process begins anew, as a joiner or by somebody's word: what it may have forgotten counts no more (2.7). */
function restores({ joiner, members }: Assignment, { incarnation }: Context): boolean {
  return (
    joiner?.incarnation === incarnation || (members.length === 1 && members[0]?.incarnation === incarnation)
  );
}

/** Adds what is due; sets `flight`. */
export function collect(r: Replica, ctx: Context, items: PersistItem[]): void {
  const before = items.length;
  const slot = r.slot;
  if (r.eraseAt !== null) {
    items.push({ kind: 'erase', slot, start: r.eraseAt });
    r.eraseAt = null;
  }
  if (r.dropTo !== null) {
    items.push({ kind: 'drop', slot, to: r.dropTo });
    r.dropTo = null;
  }
  if (r.taken < r.log.end.seq) {
    items.push({ kind: 'append', slot, entries: entriesBetween(r, r.taken, r.log.end.seq) });
    r.taken = r.log.end.seq;
  }
  const records = [
    ...collectRepairs(r),
    ...r.copiedDamaged.splice(0).map((key) => ({ key, record: 'damaged' as const })),
  ];
  if (records.length > 0) items.push({ kind: 'repair', slot, records });
  if (r.copied.length > 0) {
    items.push({ kind: 'apply', slot, entries: r.copied });
    r.copied = [];
  }
  if (r.copiedSessions.length > 0) {
    items.push({ kind: 'sessions', slot, put: r.copiedSessions, gone: [], forgotten: r.dedupe.forgotten });
    r.copiedSessions = [];
  }
  const applied = Math.min(r.commit, r.appliedTaken + appliesPerBatch) as Seq;
  const news =
    applied > r.appliedTaken || r.takenComplete !== r.complete || !samePosition(r.takenPassed, r.passed);
  if (applied > r.appliedTaken) {
    const effects = effectsBetween(r, r.appliedTaken, applied);
    if (effects.length > 0) items.push({ kind: 'apply', slot, entries: effects });
    r.appliedTaken = applied;
  }
  if (news || items.length > before) {
    // The mark on disk never runs ahead of the values on disk: a start takes the one for the other.
    items.push({
      kind: 'marks',
      slot,
      commit: positionAt(r.log, applied),
      passed: r.passed,
      promised: r.promised,
      complete: r.complete,
    });
    r.takenPassed = r.passed;
    r.takenComplete = r.complete;
  }
  collectTrim(r, ctx, items);
  if (r.installing !== null) {
    const unproven = r.unproven && !restores(r.installing, ctx) ? ({ unproven: true } as const) : {};
    items.push({ kind: 'assignment', slot, assignment: r.installing, ...unproven });
  }
  if (items.length > before)
    r.flight = {
      top: r.taken,
      applied: r.appliedTaken,
      complete: r.complete,
      installs: r.installing,
      erased: false,
    };
}

function entriesBetween(r: Replica, after: Seq, upTo: Seq): Entry[] {
  const out: Entry[] = [];
  for (let seq = after + 1; seq <= upTo; seq++) {
    const item = itemAt(r.log, seq as Seq);
    invariant(item !== undefined, 'entries that are not on disk are in memory', { slot: r.slot, seq });
    out.push(item.entry);
  }
  return out;
}

/** The newest entry of each key, within what is committed. */
function effectsBetween(r: Replica, after: Seq, upTo: Seq): Entry[] {
  const newest = new Map<Key, Entry>();
  for (const e of entriesBetween(r, after, upTo))
    if (e.kind !== 'refused' && takesEffect(r, e)) newest.set(e.key, e);
  return [...newest.values()];
}

/** Behind its own applied-and-synced position, never above the commit mark, with the pins of who is behind (R41). */
function collectTrim(r: Replica, ctx: Context, items: PersistItem[]): void {
  // A joiner that lags too far begins anew with a snapshot; a member lags by what is not committed, which is bounded.
  const pin = isTail(r) ? Math.max(pinOf(r), r.trimOverdue) : pinOf(r);
  // A pin of what can't be read holds nothing (10.5).
  const wanted = r.damage.log ? r.appliedDisk : Math.min(r.trimWanted, pin);
  const to = Math.min(wanted, r.appliedDisk, r.commit) as Seq;
  r.damage.log = false;
  if (to <= r.log.start.seq || !r.complete) return;
  const saved = saveSessions(r, items, ctx.limits.copyBytes);
  if (saved === null) return;
  const start = positionAt(r.log, Math.min(to, saved) as Seq);
  overtake(r, ctx, start);
  items.push({ kind: 'trim', slot: r.slot, start });
  trimTo(r.log, start);
}

/** What the successor was not sent is not there any more: another handshake finds out what is left to do. */
function overtake(r: Replica, ctx: Context, start: Position): void {
  const d = r.down;
  if (d?.state !== 'open' || d.sent >= start.seq) return;
  const { slot } = r;
  if (isTail(r)) ctx.notice('warn', 'join.overtaken', { slot, joiner: d.peer.node, sent: d.sent, start });
  r.down = null;
}

/**
 * Saves the sessions that changed since they were saved last, a slice with each batch: a whole table would hold up the
 * process. Returns up to where the log is not needed for them any more; null = more slices follow.
 */
function saveSessions(r: Replica, items: PersistItem[], sliceBytes: number): Seq | null {
  const { dedupe, slot } = r;
  // A record never runs ahead of the mark that is on disk with it.
  if (r.appliedTaken < r.commit) return null;
  r.saving ??= { clients: [...dedupe.unsaved], next: 0, upTo: r.commit };
  const { clients, upTo } = r.saving;
  const put: SessionRecord[] = [];
  const gone: ClientId[] = [];
  let bytes = 0;
  while (r.saving.next < clients.length && bytes < sliceBytes) {
    const client = clients[r.saving.next++] as ClientId;
    if (!dedupe.unsaved.delete(client)) continue;
    const session = dedupe.sessions.get(client);
    if (session === undefined) {
      gone.push(client);
      bytes += 8;
      continue;
    }
    const record = encodeSession(client, session);
    session.saved = true;
    put.push(record);
    bytes += record.bytes.length;
  }
  items.push({ kind: 'sessions', slot, put, gone, forgotten: dedupe.forgotten });
  if (r.saving.next < clients.length) return null;
  r.saving = null;
  return upTo;
}

/** A joiner needs what it has not on disk; a member that is far behind needs what it was not sent yet. */
function pinOf(r: Replica): Seq {
  const d = r.down;
  if (d?.state === 'open') return isTail(r) ? d.heard : d.sent;
  return isTail(r) && d !== null ? r.log.start.seq : r.commit;
}

/** The batch that `collect` filled is durable. Only what it carried is proven (R4). */
export function persisted(r: Replica, ctx: Context): void {
  const f = r.flight;
  if (f === null) return;
  r.flight = null;
  if (!f.erased) {
    if (f.top > r.disk) r.disk = f.top;
    if (f.applied > r.appliedDisk) r.appliedDisk = f.applied;
    r.completeDisk = f.complete;
  }
  if (f.installs !== null && r.installing !== null && f.installs.version === r.installing.version)
    activate(r, ctx, r.installing);
  repairsPersisted(r, ctx);
  advance(r, ctx);
  releaseMemory(r, ctx);
}
