/**
 * The handshake on every new link and anew at every version, in the order head to tail (rule 4.7, R1): a replica
 * offers its log to its successor only after it finished with its own predecessor at this version.
 */
import type { Agree, Offer } from '../messages.ts';
import { retryMs } from '../timings.ts';
import {
  type ClientId,
  comparePositions,
  type Incarnation,
  type Member,
  type NodeName,
  type Position,
  type Seq,
} from '../words.ts';
import { advance, drop } from './chain.ts';
import { createDedupe } from './dedupe.ts';
import { createLog, lastCommon, positionAt, versionAt } from './log.ts';
import { markLost } from './lost.ts';
import { breakPins } from './pins.ts';
import { abandonRepairs } from './repair.ts';
import {
  type Context,
  type Downstream,
  featuresFrom,
  isHead,
  predecessor,
  type Replica,
  sender,
  successor,
  type Upstream,
} from './state.ts';
import { abandonAll } from './waiters.ts';

/** Begins the handshake with the successor, if it is this replica's turn. */
export function offer(r: Replica, ctx: Context): void {
  const peer = successor(r);
  if (peer === null || !r.shaken || r.assignment === null || !ctx.linkUp(peer.node)) {
    r.down = null;
    return;
  }
  // Finished with its own predecessor means: it has what that one offered. A shorter log would make the successor
  // drop, or dispute, what only needs a moment to arrive.
  if (r.log.end.seq < r.offerFrom) {
    r.down = null;
    return;
  }
  r.sessions++;
  if (r.down?.peer.incarnation !== peer.incarnation) {
    r.joinerDisk = 0 as Seq;
    r.joinerCopied = false;
  }
  const offered: Offer = {
    kind: 'offer',
    slot: r.slot,
    version: r.assignment.version,
    session: r.sessions,
    start: r.log.start,
    runs: r.log.runs.slice(),
    end: r.log.end,
    commit: positionAt(r.log, r.commit),
    features: ctx.features,
  };
  r.down = {
    peer,
    session: r.sessions,
    state: 'offered',
    since: ctx.mono,
    offered,
    repeats: 0,
    sent: 0 as Seq,
    toldDurable: 0 as Seq,
    toldCommit: 0 as Seq,
    heard: 0 as Seq,
    saidCommit: 0 as Seq,
    flying: [],
    flyingBytes: 0,
    features: 1,
    reading: false,
  };
  ctx.send(peer.node, offered);
}

/**
 * Repeats what was lost: an offer without answer, a handshake that nobody began. The offer keeps its session, so that an
 * answer to an earlier sending counts however long the way is (R49).
 */
export function retryHandshakes(r: Replica, ctx: Context): void {
  const peer = successor(r);
  if (peer !== null && r.shaken) {
    const d = r.down;
    if (d === null || d.peer.incarnation !== peer.incarnation) offer(r, ctx);
    else if (d.state === 'offered' && ctx.mono - d.since >= retryMs(2 * ctx.timings.beaconMs, d.repeats))
      repeatOffer(ctx, d);
  }
  if (r.up !== null || ctx.mono - r.readyAt < retryMs(ctx.timings.beaconMs, r.readies)) return;
  r.readies++;
  sayReady(r, ctx);
}

function repeatOffer(ctx: Context, d: Downstream): void {
  d.since = ctx.mono;
  d.repeats++;
  ctx.send(d.peer.node, d.offered);
}

/** Tells the predecessor that this replica acts under its version now. */
export function sayReady(r: Replica, ctx: Context): void {
  const peer = predecessor(r);
  if (peer === null || r.assignment === null || !ctx.linkUp(peer.node)) return;
  r.readyAt = ctx.mono;
  ctx.send(peer.node, { kind: 'ready', slot: r.slot, version: r.assignment.version });
}

export function onReady(r: Replica, ctx: Context, from: NodeName, incarnation: Incarnation): void {
  const peer = successor(r);
  if (peer === null || peer.node !== from || peer.incarnation !== incarnation) return;
  const d = r.down;
  if (d?.state !== 'offered' || d.peer.incarnation !== incarnation) return offer(r, ctx);
  // The offer may have come before it acted under this version. A fresh one is on its way already.
  if (ctx.mono - d.since >= ctx.timings.beaconMs) repeatOffer(ctx, d);
}

/** The stream to the successor does not fit any more. */
export function onBroken(r: Replica, ctx: Context, from: NodeName, session: number): void {
  if (r.down?.session === session && r.down.peer.node === from) offer(r, ctx);
}

/** At the successor: find the last common position, drop what lies beyond, say so. */
export function onOffer(r: Replica, ctx: Context, from: NodeName, incarnation: Incarnation, m: Offer): void {
  const peer = predecessor(r);
  if (
    peer === null ||
    peer.node !== from ||
    peer.incarnation !== incarnation ||
    sender(r, from, incarnation) === null
  )
    return;
  if (r.up !== null && m.session <= r.up.session) {
    // Repeated: nothing of the session was sent before it is agreed, so what was agreed first is still true.
    if (m.session === r.up.session) agreeAgain(r, ctx, r.up);
    return;
  }
  if (r.tooOld !== '') return;
  if (r.role === 'joiner') return joinerAgrees(r, ctx, peer, m);
  // R15: a predecessor whose log ends below what it promised is no member. Nothing is dropped at its word. Who was
  // moved to the front by a new order promised nothing: what it lacks is uncommitted, and those behind it drop it.
  const bound = r.ahead.every((name) => r.promisers?.includes(name) !== false);
  if (bound && comparePositions(r.promised, m.end) > 0) return dispute(r, ctx, peer, m, r.promised);
  const from_ = Math.max(r.commit, m.start.seq, r.log.start.seq) as Seq;
  if (r.commit > m.end.seq) return dispute(r, ctx, peer, m, positionAt(r.log, r.commit));
  const common = from_ > r.log.end.seq ? null : lastCommon(r.log, m, from_);
  if (common === null) {
    if (from_ === r.commit) return dispute(r, ctx, peer, m, positionAt(r.log, r.commit));
    return markLost(
      r,
      ctx,
      `its log ends at ${r.log.end.version}:${r.log.end.seq} and has nothing in common with ${from}, which begins after ${m.start.version}:${m.start.seq}`,
    );
  }
  agree(r, ctx, peer, m, common, false);
}

/** A committed entry of this replica is not in the predecessor's log: the predecessor goes (R15). */
function dispute(r: Replica, ctx: Context, peer: Member, m: Offer, promised: Position): void {
  ctx.notice('error', 'handshake.dispute', {
    slot: r.slot,
    version: m.version,
    predecessor: peer.node,
    itsEnd: m.end,
    promised,
  });
  ctx.send(peer.node, {
    kind: 'agree',
    slot: r.slot,
    version: m.version,
    session: m.session,
    common: positionAt(r.log, r.commit),
    snapshot: false,
    promised,
    features: featuresFrom(r, ctx),
  });
}

function joinerAgrees(r: Replica, ctx: Context, peer: Member, m: Offer): void {
  const from = Math.max(r.commit, m.start.seq, r.log.start.seq) as Seq;
  const usable = r.complete || r.copy !== null;
  const common = usable && from <= r.log.end.seq && from <= m.end.seq ? lastCommon(r.log, m, from) : null;
  if (common !== null) return agree(r, ctx, peer, m, common, false);
  if (r.complete && r.log.end.seq > 0)
    ctx.notice('warn', 'join.snapshot', {
      slot: r.slot,
      source: peer.node,
      end: r.log.end,
      commit: r.commit,
      sourceStart: m.start,
      sourceEnd: m.end,
    });
  emptyReplica(r, ctx, m.commit);
  r.copy = {
    of: 'values',
    after: null,
    client: 0 as ClientId,
    askedAt: 0,
    repeats: 0,
    asked: false,
    commit: r.commit,
  };
  agree(r, ctx, peer, m, m.commit, true);
}

/** Empties the range on disk and in memory; the log continues after `start` (P30). */
export function emptyReplica(r: Replica, ctx: Context, start: Position): void {
  abandonAll(r, ctx);
  abandonRepairs(r, ctx);
  r.log = createLog(start);
  r.eraseAt = start;
  r.disk = start.seq;
  r.commit = start.seq;
  r.learned = start.seq;
  r.passed = start;
  r.promised = start;
  ctx.notePending(r, -r.pendingBytes);
  r.dedupe = createDedupe();
  r.complete = false;
  r.completeDisk = false;
  r.broken = false;
  r.taken = start.seq;
  r.dropTo = null;
  r.takenCommit = start.seq;
  r.appliedTaken = start.seq;
  r.appliedDisk = start.seq;
  r.copied = [];
  r.copiedDamaged = [];
  r.copiedSessions = [];
  r.saving = null;
  r.trimWanted = 0 as Seq;
  r.trimOverdue = 0 as Seq;
  if (r.flight !== null) r.flight.erased = true;
  breakPins(r, Number.POSITIVE_INFINITY as Seq);
  r.emptied++;
  ctx.touch(r);
}

function agree(r: Replica, ctx: Context, peer: Member, m: Offer, common: Position, snapshot: boolean): void {
  const promised = r.promised;
  // Those before it hold what this process found promised when it started (R50).
  if (r.role === 'member') r.promisers ??= r.ahead;
  drop(r, ctx, common);
  const features = featuresFrom(r, ctx);
  const agreed: Agree = {
    kind: 'agree',
    slot: r.slot,
    version: m.version,
    session: m.session,
    common,
    snapshot,
    promised,
    features,
  };
  r.up = {
    peer,
    session: m.session,
    agreed,
    told: 0 as Seq,
    toldFeatures: features,
    toldDurable: 0 as Seq,
    toldCopied: false,
  };
  r.learned = Math.max(r.learned, Math.min(m.commit.seq, common.seq)) as Seq;
  r.offerFrom = m.end.seq;
  r.readies = 0;
  // What was asked over the old connection may be lost with it.
  if (r.copy !== null) r.copy.askedAt = Number.NEGATIVE_INFINITY;
  ctx.send(peer.node, agreed);
  if (!r.shaken) {
    r.shaken = true;
    // 4.6 compares with the end of the predecessor's log, on disk: its commit mark, or a prefix, is not enough (R2).
    r.answerFrom = r.role === 'joiner' ? m.commit.seq : m.end.seq;
    offer(r, ctx);
  }
  advance(r, ctx);
}

function agreeAgain(r: Replica, ctx: Context, up: Upstream): void {
  up.toldFeatures = featuresFrom(r, ctx);
  ctx.send(up.peer.node, { ...up.agreed, features: up.toldFeatures });
}

/** At the predecessor: the successor's answer. From here on entries flow. */
export function onAgree(r: Replica, ctx: Context, from: NodeName, incarnation: Incarnation, m: Agree): void {
  const d = r.down;
  if (d === null || d.session !== m.session || d.state !== 'offered') return;
  if (d.peer.node !== from || d.peer.incarnation !== incarnation) return;
  const joiner = r.assignment?.joiner?.incarnation === incarnation;
  // Below the retained log nothing can differ: it was trimmed since the offer.
  const trimmed = m.common.seq < r.log.start.seq;
  const differs = !trimmed && versionAt(r.log, m.common.seq) !== m.common.version;
  if (!joiner && (comparePositions(m.promised, r.log.end) > 0 || differs))
    return markLost(
      r,
      ctx,
      `its log ends at ${r.log.end.version}:${r.log.end.seq}, but ${from} was promised ${m.promised.version}:${m.promised.seq}`,
    );
  if (trimmed || differs) {
    r.down = null;
    return;
  }
  d.state = 'open';
  d.features = Math.max(1, m.features);
  // What is behind became known: the one before hears of it in another handshake.
  if (r.up !== null && featuresFrom(r, ctx) > r.up.toldFeatures) sayReady(r, ctx);
  d.sent = m.common.seq;
  d.heard = (joiner ? 0 : Math.min(m.common.seq, r.commit)) as Seq;
  if (isHead(r) && !joiner && !r.readable && r.complete) {
    // A head that was started anew reads only after its successor confirmed that nothing promised is missing (R15).
    r.readable = true;
    ctx.report(r);
  }
  ctx.touch(r);
}
