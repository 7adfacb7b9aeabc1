/**
 * Entries and durable marks down the chain, commit marks up (rules 2.2 to 2.6). Nothing is sent here at once:
 * `flow` runs when the node drains, so that everything that one turn produced leaves as one message.
 */
import { type Entry, isNewer, readEntry } from '../entry.ts';
import { invariant } from '../errors.ts';
import { type Append, type Broken, type Commit, fromTail } from '../messages.ts';
import {
  comparePositions,
  type Incarnation,
  type NodeName,
  noIncarnation,
  type Position,
  type Seq,
} from '../words.ts';
import { rememberCommitted } from './joining.ts';
import { appendEntry, type Item, itemAt, positionAt, release, truncate, versionAt } from './log.ts';
import { refuseNewer } from './lost.ts';
import { breakPins, lowestPin } from './pins.ts';
import { proveRefusal } from './reading.ts';
import { writtenReply } from './results.ts';
import { type Context, type Downstream, durable, isHead, isTail, type Replica } from './state.ts';
import { abandonWaiters, forgetRequest } from './waiters.ts';

/** Entries that a joiner may be behind when the tail begins to wait for it: a number, whatever time they take. */
const insyncLag = 256;

/** Takes one entry into the log: at the head because it ordered it, at others because it came down the chain. */
export function take(r: Replica, ctx: Context, entry: Entry): Item {
  const item = appendEntry(r.log, entry);
  ctx.notePending(r, entry.bytes.length);
  ctx.touch(r);
  return item;
}

/** Looks anew at what is committed; called after anything that may raise a mark. */
export function advance(r: Replica, ctx: Context): void {
  if (isTail(r) && r.shaken && (r.index === 0 || r.before !== null)) {
    // Rule 2.5: only a durable mark that began at the head of this version commits. In-sync: the joiner must have it too.
    const covered = r.insync === noIncarnation ? durable(r) : Math.min(durable(r), r.joinerDisk);
    if (covered > r.commit) setCommit(r, ctx, covered as Seq);
  }
  if (isTail(r) && r.shaken) beginInsync(r, ctx);
  beginAnswering(r, ctx);
  // Committed by a neighbour's word, since their logs agree.
  const learned = Math.min(r.learned, r.disk) as Seq;
  if (r.shaken && learned > r.commit) setCommit(r, ctx, learned);
  ctx.touch(r);
}

/** Raises the commit mark and tells everybody who waited for an entry below it. */
export function setCommit(r: Replica, ctx: Context, to: Seq): void {
  invariant(to <= r.disk, 'what commits is on the own disk (I1)', { slot: r.slot, to, disk: r.disk });
  for (let seq = r.commit + 1; seq <= to; seq++) {
    const item = itemAt(r.log, seq as Seq);
    invariant(item !== undefined, 'uncommitted entries are in memory', { slot: r.slot, seq });
    r.commit = seq as Seq;
    ctx.notePending(r, -item.entry.bytes.length);
    rememberCommitted(r, ctx, item.entry);
    forgetRequest(r, item);
    answerWaiters(r, ctx, item);
  }
  ctx.touch(r);
}

function answerWaiters(r: Replica, ctx: Context, item: Item): void {
  if (item.waiters === null) return;
  const entry = item.entry;
  for (const w of item.waiters) {
    // The mark may have come late, from before another version without this head: the refusal still needs its proof.
    if (w.kind === 'refusal' && w.refusal !== null)
      proveRefusal(r, ctx, {
        kind: 'refusal',
        tag: w.tag,
        refusal: w.refusal,
        seen: entry,
        until: ctx.mono + 2 * ctx.timings.deadMs,
      });
    else ctx.reply(w.tag, writtenReply(entry, r.dedupe.time));
  }
  item.waiters = null;
}

/** Drops the uncommitted entries above `to` (rule 4.7, R20): from memory now, from disk with the next batch. */
export function drop(r: Replica, ctx: Context, to: Position): void {
  if (to.seq >= r.log.end.seq) return;
  invariant(to.seq >= r.commit, 'a committed entry is never dropped', { slot: r.slot, to, commit: r.commit });
  for (const item of truncate(r.log, to)) {
    ctx.notePending(r, -item.entry.bytes.length);
    forgetRequest(r, item);
    abandonWaiters(r, ctx, item);
  }
  r.disk = Math.min(r.disk, to.seq) as Seq;
  // A batch in flight proves nothing about what was dropped since it was taken (R4).
  if (r.flight !== null) r.flight.top = Math.min(r.flight.top, to.seq) as Seq;
  if (r.taken > to.seq) {
    r.dropTo = r.dropTo === null ? to.seq : (Math.min(r.dropTo, to.seq) as Seq);
    r.taken = to.seq;
  }
  if (comparePositions(r.passed, to) > 0) r.passed = to;
  if (comparePositions(r.promised, to) > 0) r.promised = to;
  ctx.touch(r);
}

/** In-sync: from here on this tail commits only what its joiner has on disk (section 5, R10). */
function beginInsync(r: Replica, ctx: Context): void {
  const joiner = r.assignment?.joiner ?? null;
  if (joiner === null || r.down?.state !== 'open' || r.insync === joiner.incarnation || !r.joinerCopied)
    return;
  if (r.log.end.seq - r.joinerDisk > insyncLag || r.joinerDisk < r.commit) return;
  r.insync = joiner.incarnation;
  ctx.notice('info', 'join.insync', { slot: r.slot, version: r.assignment?.version, joiner: joiner.node });
  ctx.report(r);
}

/**
 * Rule 4.6: a tail answers when it has on disk and committed what its predecessor's log held at their handshake. A
 * middle that was started anew reads when it has on disk what its predecessor held; heads: see `onAgree`.
 */
function beginAnswering(r: Replica, ctx: Context): void {
  if (r.role !== 'member' || !r.shaken || !r.complete || r.disk < r.answerFrom) return;
  if (isTail(r)) {
    if (r.answering || r.commit < r.answerFrom) return;
    r.answering = true;
  } else if (r.readable || r.index === 0) return;
  r.readable = true;
  ctx.report(r);
}

/** Sends what is due both ways. Called when the node drains. */
export function flow(r: Replica, ctx: Context): void {
  if (r.assignment === null || r.role === 'none') return;
  flowDown(r, ctx, false);
  flowUp(r, ctx, false);
}

/** Says again what the neighbours may not have heard (P7, P8). Called with every beacon tick. */
export function beacon(r: Replica, ctx: Context): void {
  const d = r.down;
  // What a joiner has on disk says nothing of the commit marks that it heard: one that was lost is told again.
  const told = d !== null && d.toldCommit >= r.commit && (!isTail(r) || d.saidCommit >= r.commit);
  if (d?.state === 'open' && (r.log.end.seq > r.commit || d.heard < d.sent || !told)) flowDown(r, ctx, true);
  // The tail of an idle chain has no reason to ask its joiner: the joiner says by itself what it has.
  if (r.role === 'joiner') flowUp(r, ctx, true);
}

function flowDown(r: Replica, ctx: Context, always: boolean): void {
  const d = r.down;
  if (d?.state !== 'open') return;
  let force = always;
  for (;;) {
    const entries = nextEntries(r, ctx, d);
    const mark = Math.min(durable(r), d.sent + entries.length) as Seq;
    const commitNews = isTail(r) && r.commit > d.toldCommit;
    if (entries.length === 0 && mark <= d.toldDurable && !commitNews && !force) return;
    force = false;
    noteSent(d, entries);
    d.toldDurable = mark;
    d.toldCommit = r.commit;
    // The mark may lie before the retained log; the receiver then has nothing to compare it with either.
    const durableAt = positionAt(r.log, Math.max(mark, r.log.start.seq) as Seq);
    if (comparePositions(durableAt, r.passed) > 0) r.passed = durableAt;
    ctx.send(d.peer.node, {
      kind: 'append',
      slot: r.slot,
      version: (r.assignment as { version: Append['version'] }).version,
      session: d.session,
      entries,
      end: positionAt(r.log, d.sent),
      durable: mark < r.log.start.seq ? { version: 0 as Append['version'], seq: 0 as Seq } : durableAt,
      commit: positionAt(r.log, r.commit),
    });
    if (entries.length === 0 || d.sent >= r.log.end.seq) return;
  }
}

function nextEntries(r: Replica, ctx: Context, d: Downstream): Uint8Array[] {
  const out: Uint8Array[] = [];
  if (d.sent >= r.log.end.seq || isFull(r, ctx, d)) return out;
  if (d.sent < r.log.base) {
    if (!d.reading) {
      d.reading = true;
      ctx.readLog((d.sent + 1) as Seq, ctx.limits.appendBytes, {
        kind: 'log',
        slot: r.slot,
        session: d.session,
      });
    }
    return out;
  }
  let bytes = 0;
  for (let seq = d.sent + 1; seq <= r.log.end.seq && bytes < ctx.limits.appendBytes; seq++) {
    const item = itemAt(r.log, seq as Seq);
    invariant(item !== undefined, 'entries above the base are in memory', { slot: r.slot, seq });
    out.push(item.entry.bytes);
    bytes += item.entry.bytes.length;
  }
  return out;
}

/**
 * A successor that confirms nothing is sent no more than that: it, and the way to it, have to hold it in memory. But what
 * was offered and is not committed goes at once: before it has that it does not go on, so that nothing of it commits (4.7).
 */
function isFull(r: Replica, ctx: Context, d: Downstream): boolean {
  if (d.sent >= r.commit && d.sent < d.offered.end.seq) return false;
  return d.sent - d.heard >= ctx.limits.pendingEntries || d.flyingBytes >= ctx.limits.inFlightBytes;
}

function noteSent(d: Downstream, entries: readonly Uint8Array[]): void {
  if (entries.length === 0) return;
  const bytes = entries.reduce((sum, e) => sum + e.length, 0);
  d.sent = (d.sent + entries.length) as Seq;
  d.flying.push({ upTo: d.sent, bytes });
  d.flyingBytes += bytes;
}

function noteHeard(d: Downstream, upTo: Seq): void {
  d.heard = upTo;
  while (d.flying.length > 0 && (d.flying[0] as { upTo: Seq }).upTo <= upTo)
    d.flyingBytes -= (d.flying.shift() as { bytes: number }).bytes;
}

/** Older entries for the successor came back from the store. */
export function onLogRead(
  r: Replica,
  ctx: Context,
  session: number,
  entries: readonly Entry[] | 'corrupt',
): void {
  const d = r.down;
  if (entries === 'corrupt') logDamaged(r, ctx);
  if (d === null || d.session !== session || r.assignment === null) return;
  d.reading = false;
  const first = entries === 'corrupt' ? undefined : entries[0];
  if (entries === 'corrupt' || first === undefined || first.seq !== d.sent + 1) {
    // Trimmed meanwhile: the handshake finds out what is left to do.
    r.down = null;
    ctx.touch(r);
    return;
  }
  // What was dropped while the log was read is not sent, nor anything after it (R42).
  let fits = 0;
  while (fits < entries.length && holds(r, entries[fits] as Entry)) fits++;
  const fitting = entries.slice(0, fits).map((e) => e.bytes);
  noteSent(d, fitting);
  ctx.send(d.peer.node, {
    kind: 'append',
    slot: r.slot,
    version: r.assignment.version,
    session,
    entries: fitting,
    end: positionAt(r.log, d.sent),
    durable: { version: 0 as Append['version'], seq: 0 as Seq },
    commit: positionAt(r.log, r.commit),
  });
  ctx.touch(r);
}

const holds = (r: Replica, e: Entry): boolean => versionAt(r.log, e.seq) === e.version;

/**
 * The log can't be read where somebody needs it (10.5). All that is not in memory any more is applied on disk, so the log
 * may begin behind it: then whoever needed it takes a snapshot, or comes back as one who does.
 */
function logDamaged(r: Replica, ctx: Context): void {
  if (r.damage.log) return;
  ctx.notice('error', 'log.damaged', { slot: r.slot, start: r.log.start, end: r.log.end });
  r.damage.log = true;
  ctx.touch(r);
}

function flowUp(r: Replica, ctx: Context, always: boolean): void {
  const u = r.up;
  if (u === null || r.assignment === null) return;
  const joiner = r.role === 'joiner';
  const copied = joiner && r.complete && r.completeDisk && r.copy === null && r.appliedDisk >= r.answerFrom;
  const news = r.commit > u.told || (joiner && (r.disk > u.toldDurable || copied !== u.toldCopied));
  if (!news && !always) return;
  const { slot } = r;
  const { version } = r.assignment;
  const commit = positionAt(r.log, r.commit);
  const durable = joiner ? positionAt(r.log, r.disk) : commit;
  if (isTail(r) && r.commit > u.told && r.commit > r.headTold && tellHead(r, ctx, commit))
    r.headTold = r.commit;
  const headTold = r.commit <= r.headTold;
  u.told = r.commit;
  u.toldDurable = r.disk;
  u.toldCopied = copied;
  // The head, behind the first of the others, knows it already.
  if (headTold && r.index === 1 && !always) return;
  ctx.send(u.peer.node, {
    kind: 'commit',
    slot,
    version,
    session: u.session,
    commit,
    durable,
    copied,
    headTold,
  });
}

/**
 * The tail's word to the head saves its way through the others. Safe: the head of this version has on disk what the tail
 * commits (2.5), and its log agrees with the tail's up to there. What is lost on the way comes by the chain (P8).
 */
function tellHead(r: Replica, ctx: Context, commit: Position): boolean {
  const a = r.assignment;
  const head = a?.members[0];
  if (a === null || head === undefined || r.index < 2 || !ctx.linkUp(head.node)) return false;
  ctx.send(head.node, {
    kind: 'commit',
    slot: r.slot,
    version: a.version,
    session: fromTail,
    commit,
    durable: commit,
    copied: false,
    headTold: true,
  });
  return true;
}

/** Entries and marks from the predecessor. */
export function onAppend(r: Replica, ctx: Context, m: Append): void {
  const u = r.up;
  if (u === null || u.session !== m.session) return;
  for (const bytes of m.entries) {
    const entry = readEntry(bytes);
    if (entry === null && isNewer(bytes)) return refuseNewer(r, ctx, u.peer.node, bytes);
    // Rule 2.3: only the entry whose `position before` is the end of the own log.
    if (entry === null) return breakLink(r, ctx, m.session, 'an entry has a wrong checksum');
    if (entry.slot !== r.slot || entry.seq !== r.log.end.seq + 1 || entry.versionBefore !== r.log.end.version)
      return breakLink(
        r,
        ctx,
        m.session,
        `entry ${entry.version}:${entry.seq} does not follow ${r.log.end.version}:${r.log.end.seq}`,
      );
    if (entry.version > m.version || entry.version < r.log.end.version)
      return breakLink(r, ctx, m.session, `entry ${entry.version}:${entry.seq} has a version that can't be`);
    take(r, ctx, entry);
  }
  if (m.end.seq !== r.log.end.seq || m.end.version !== r.log.end.version)
    return breakLink(r, ctx, m.session, `the sender sent up to ${m.end.version}:${m.end.seq}`);
  if (m.durable.seq > 0) {
    if (m.durable.seq > r.log.end.seq)
      return breakLink(r, ctx, m.session, 'a durable mark beyond what was sent');
    const version = versionAt(r.log, m.durable.seq);
    if (version !== undefined && version !== m.durable.version)
      return breakLink(r, ctx, m.session, 'a durable mark of another entry');
    if (r.before === null || m.durable.seq > r.before) r.before = m.durable.seq;
    if (comparePositions(m.durable, r.promised) > 0) {
      r.promised = m.durable;
      r.promisers = r.ahead;
    }
  } else if (r.before === null) r.before = 0 as Seq;
  if (m.commit.seq > r.learned) r.learned = m.commit.seq;
  if (m.commit.seq < r.commit && m.entries.length === 0) flowUp(r, ctx, true);
  advance(r, ctx);
}

function breakLink(r: Replica, ctx: Context, session: number, why: string): void {
  const u = r.up;
  if (u === null || r.assignment === null) return;
  ctx.notice('warn', 'link.broken', { slot: r.slot, version: r.assignment.version, from: u.peer.node, why });
  const message: Broken = { kind: 'broken', slot: r.slot, version: r.assignment.version, session, why };
  ctx.send(u.peer.node, message);
}

/** The commit mark of the successor, or what the joiner has on disk. */
export function onCommit(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: Commit,
): void {
  const d = r.down;
  if (m.session === fromTail) return onTailCommit(r, ctx, from, incarnation, m);
  if (
    d?.state !== 'open' ||
    d.session !== m.session ||
    d.peer.node !== from ||
    d.peer.incarnation !== incarnation
  )
    return;
  if (isTail(r)) {
    if (m.durable.seq > r.log.end.seq || versionAt(r.log, m.durable.seq) !== m.durable.version) return;
    noteHeard(d, m.durable.seq);
    d.saidCommit = m.commit.seq;
    r.joinerDisk = m.durable.seq;
    r.joinerCopied = m.copied;
    return advance(r, ctx);
  }
  if (m.headTold && m.commit.seq > r.headTold) r.headTold = m.commit.seq;
  learn(r, ctx, m.commit);
}

function onTailCommit(r: Replica, ctx: Context, from: NodeName, incarnation: Incarnation, m: Commit): void {
  const tail = r.assignment?.members.at(-1);
  if (isHead(r) && tail?.node === from && tail.incarnation === incarnation) learn(r, ctx, m.commit);
}

/** The commit mark of a replica behind this one. */
function learn(r: Replica, ctx: Context, commit: Position): void {
  const version = versionAt(r.log, commit.seq);
  if (version === undefined) {
    // Below the retained log: nothing new. Above its end: the successor speaks of what this replica never sent.
    invariant(commit.seq <= r.log.end.seq, 'a successor never commits what it was not sent', {
      slot: r.slot,
      mark: commit,
      end: r.log.end,
    });
    return;
  }
  invariant(version === commit.version, 'committed prefixes agree (I3)', {
    slot: r.slot,
    mark: commit,
    version,
  });
  const d = r.down;
  if (d?.state === 'open' && commit.seq > d.heard) noteHeard(d, commit.seq);
  // A replica that lost the end of its log and was sent it again hears of commits before they are on its disk anew.
  if (commit.seq > r.learned) r.learned = commit.seq;
  advance(r, ctx);
}

/**
 * Lets go of memory: what is applied on disk and no read under way needs (R42). What a slow successor was not sent yet
 * is read again from the log. Beyond the limit the reads that hold most give way, and begin anew.
 */
export function releaseMemory(r: Replica, ctx: Context): void {
  release(r.log, Math.min(r.appliedDisk, copyPin(r), lowestPin(r)) as Seq);
  while (r.log.heldBytes > ctx.limits.logMemoryBytes && r.log.base < r.appliedDisk) {
    const pin = Math.min(copyPin(r), lowestPin(r)) as Seq;
    if (pin >= r.appliedDisk) return;
    const reads = breakPins(r, pin);
    // The chunk that is under way will be too old when it comes.
    if (r.copy !== null && copyPin(r) <= pin) r.copy.commit = r.commit;
    ctx.notice('warn', 'read.overtaken', { slot: r.slot, bytes: r.log.heldBytes, reads, above: pin });
    release(r.log, Math.min(r.appliedDisk, copyPin(r), lowestPin(r)) as Seq);
  }
}

/** A joiner lays what came since its question over the chunk that it waits for. */
const copyPin = (r: Replica): Seq =>
  r.copy?.asked === true ? r.copy.commit : (Number.POSITIVE_INFINITY as Seq);
