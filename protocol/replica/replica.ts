/**
 * One replica of one slot: the front door of this folder. `onMessage` takes what neighbours say; the other entrances
 * are `assign` (install.ts), `read` (reading.ts), `write` (writing.ts), `persisted` (batch.ts) and `tick`.
 */
import { invariant } from '../errors.ts';
import type { ChainMessage, ReplicaReport } from '../messages.ts';
import type { BootSlot } from '../persist.ts';
import {
  type ClientId,
  comparePositions,
  type Incarnation,
  type NodeName,
  noIncarnation,
  origin,
  type Slot,
} from '../words.ts';
import { beacon, onAppend, onCommit } from './chain.ts';
import { onCompareAnswer, onCompareRequest, tickComparing } from './compare.ts';
import { createDedupe, type Dedupe, endless, type Room, type Session, tableOf, takeIn } from './dedupe.ts';
import { onAgree, onBroken, onOffer, onReady, retryHandshakes } from './handshake.ts';
import { onCopyChunk, onCopyRequest, onSessionsChunk, onSessionsRequest, pullCopy } from './joining.ts';
import { appendEntry, createLog, positionAt, release } from './log.ts';
import { onPollAnswer, onRecordSuspect, tickPolls } from './poll.ts';
import { canRead, onBarrier, onBarrierAnswer, onTailAnswer, onTailQuery, tickRounds } from './reading.ts';
import { onRecordAnswer, onRecordRequest, tickRepairs } from './repair.ts';
import { decodeSession } from './sessions.ts';
import { type Context, createReplica, type Replica } from './state.ts';

export function emptyReplicaOf(slot: Slot): Replica {
  return createReplica(slot, createLog(origin), createDedupe(), origin);
}

/** What the records of sessions say, each at a mark of its own, with what the log says on top. */
function bootDedupe(b: BootSlot, room: Room): Dedupe {
  const saved = new Map<ClientId, Session>();
  for (const bytes of b.sessions) {
    const decoded = decodeSession(bytes);
    invariant(decoded !== null, 'a stored record of a session is whole', { slot: b.slot });
    saved.set(...decoded);
  }
  const table = tableOf(saved, b.forgotten, [], endless);
  for (const entry of b.log) if (entry.seq <= b.marks.commit.seq) takeIn(table, entry, room.horizonMs);
  return tableOf(table.sessions, table.forgotten, table.unsaved, room);
}

/** A replica as its store remembers it: a log and refusals of lower versions, a member of nothing (R3). */
export function bootReplica(b: BootSlot, room: Room): Replica {
  const log = createLog(b.start);
  for (const entry of b.log) appendEntry(log, entry);
  const dedupe = bootDedupe(b, room);
  const r = createReplica(b.slot, log, dedupe, origin);
  invariant(b.marks.commit.seq >= b.start.seq, 'the log is never trimmed above the commit mark', {
    slot: b.slot,
  });
  r.highest = b.version;
  r.known = b.assignment;
  // In `os` mode a power cut may have taken the end of the log while an older mark says more; see `lost`.
  const commit = Math.min(b.marks.commit.seq, log.end.seq) as typeof b.marks.commit.seq;
  r.commit = commit;
  r.takenCommit = commit;
  r.appliedTaken = commit;
  r.appliedDisk = commit;
  r.complete = b.marks.complete;
  r.completeDisk = b.marks.complete;
  r.takenComplete = b.marks.complete;
  r.passed = b.marks.passed;
  r.takenPassed = b.marks.passed;
  // The marks of the last moments were in memory alone: for all that this process knows, its whole log was promised (R50).
  r.promised = comparePositions(b.marks.promised, log.end) > 0 ? b.marks.promised : log.end;
  release(log, commit);
  for (let i = log.head; i < log.items.length; i++)
    r.pendingBytes += (log.items[i] as (typeof log.items)[number]).entry.bytes.length;
  if (comparePositions(r.passed, log.end) > 0)
    r.lost = `its log ends at ${log.end.version}:${log.end.seq}, but it told its successor that it has ${r.passed.version}:${r.passed.seq} on disk`;
  // Rule 2.7: after a power cut it may have forgotten what it acknowledged. It comes back as a returner.
  r.unproven = b.syncedEnd !== undefined;
  if (b.syncedEnd !== undefined)
    r.lost = `its machine was restarted; its log is proven up to ${b.syncedEnd.version}:${b.syncedEnd.seq} only`;
  return r;
}

/** Dispatches a message of a neighbour. One of another version is ignored: whoever is behind learns it from the coordinator. */
export function onMessage(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: ChainMessage,
): void {
  if (
    r.assignment === null ||
    r.installing !== null ||
    r.role === 'none' ||
    m.version !== r.assignment.version
  )
    return;
  switch (m.kind) {
    case 'offer':
      return onOffer(r, ctx, from, incarnation, m);
    case 'append':
      if (r.up?.peer.node !== from || r.up.peer.incarnation !== incarnation) return;
      onAppend(r, ctx, m);
      if (r.down === null) retryHandshakes(r, ctx);
      return;
    case 'ready':
      return onReady(r, ctx, from, incarnation);
    case 'agree':
      return onAgree(r, ctx, from, incarnation, m);
    case 'commit':
      return onCommit(r, ctx, from, incarnation, m);
    case 'broken':
      return onBroken(r, ctx, from, m.session);
    case 'tailQuery':
      return onTailQuery(r, ctx, from, incarnation, m);
    case 'tailAnswer':
      return onTailAnswer(r, ctx, from, incarnation, m);
    case 'barrier':
      return onBarrier(r, ctx, from, incarnation, m);
    case 'barrierAnswer':
      return onBarrierAnswer(r, ctx, from, incarnation, m);
    case 'copyRequest':
      return onCopyRequest(r, ctx, from, incarnation, m);
    case 'copyChunk':
      return onCopyChunk(r, ctx, from, incarnation, m);
    case 'recordRequest':
      return onRecordRequest(r, ctx, from, incarnation, m);
    case 'recordAnswer':
      if (onPollAnswer(r, ctx, from, incarnation, m)) return;
      return onRecordAnswer(r, ctx, from, incarnation, m);
    case 'compareRequest':
      return onCompareRequest(r, ctx, from, incarnation, m);
    case 'compareAnswer':
      return onCompareAnswer(r, ctx, from, incarnation, m);
    case 'recordSuspect':
      return onRecordSuspect(r, ctx, from, incarnation, m);
    case 'sessionsRequest':
      return onSessionsRequest(r, ctx, from, incarnation, m);
    case 'sessionsChunk':
      return onSessionsChunk(r, ctx, from, incarnation, m);
  }
}

/** Called every beacon: repeats what may be lost, expires what has no time left. */
export function tick(r: Replica, ctx: Context): void {
  if (r.role === 'none' || r.installing !== null) return;
  retryHandshakes(r, ctx);
  beacon(r, ctx);
  tickRounds(r, ctx);
  tickRepairs(r, ctx);
  tickPolls(r, ctx);
  tickComparing(r, ctx);
  pullCopy(r, ctx);
}

export function reportOf(r: Replica): ReplicaReport {
  return {
    slot: r.slot,
    version: r.role === 'none' && r.assignment === null ? r.highest : (r.assignment?.version ?? r.highest),
    state: stateOf(r),
    insync: r.role === 'member' ? r.insync : noIncarnation,
    end: r.log.end,
    commit: positionAt(r.log, r.commit),
    why: r.lost,
    refused: r.refused,
  };
}

function stateOf(r: Replica): ReplicaReport['state'] {
  if (r.lost !== '') return r.unproven && r.complete && !r.broken && r.tooOld === '' ? 'unproven' : 'lost';
  if (r.role === 'member') return canRead(r) ? 'serving' : 'member';
  if (r.role === 'joiner') return 'copying';
  return r.assignment?.drop === true ? 'gone' : 'stale';
}
