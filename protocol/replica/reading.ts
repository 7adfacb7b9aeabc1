/**
 * Reads at any serving member (section 3). A strong read needs proof that the chain still includes this replica: the
 * read lease, looked at before the fetch and again after it (P20), or one barrier through all members (P45). A dirty
 * key also asks the tail how far commits go. Questions are batched: what joins is answered by a question that begins
 * after it came (P22).
 */
import { positionIn, storesValue } from '../entry.ts';
import type { Barrier, BarrierAnswer, TailAnswer, TailQuery } from '../messages.ts';
import { failure } from '../replies.ts';
import type { ListAsk, ReadRequest } from '../requests.ts';
import { retryMs } from '../timings.ts';
import type { Incarnation, MonoMs, NodeName, Position, Seq } from '../words.ts';
import { mayList, notListed, scanPage } from './listing.ts';
import { type Item, positionAt, versionAt } from './log.ts';
import { damagedRecord, repairedRecord } from './repair.ts';
import { refusalReply } from './results.ts';
import { type Context, type Fetch, isTail, type Pending, type Replica, type Round, sender } from './state.ts';

export const canRead = (r: Replica): boolean =>
  r.role === 'member' && r.readable && (!isTail(r) || r.answering);

export function read(r: Replica, ctx: Context, tag: number, q: ReadRequest, until: MonoMs): void {
  switch (q.level) {
    case 'eventual':
      return readAt(r, ctx, tag, q, r.commit, 'none', until);
    case 'session':
      return readSession(r, ctx, tag, q, until);
    case 'bounded':
      // Counted from the sending of the question to the tail, while the lease covered that moment (R16).
      if (isTail(r) ? ctx.leaseCovers(r) : ctx.mono - r.tailAskedAt <= q.boundMs)
        return readAt(r, ctx, tag, q, newestOf(r, r.tailMark), 'none', until);
      return boundedAsksTail(r, ctx, tag, q, until);
    case 'strong':
      return readStrong(r, ctx, tag, q, until);
  }
}

const newestOf = (r: Replica, mark: Seq): Seq => Math.max(r.commit, Math.min(mark, r.log.end.seq)) as Seq;

function readSession(r: Replica, ctx: Context, tag: number, q: ReadRequest, until: MonoMs): void {
  if (isAhead(q, r.commit)) return readStrong(r, ctx, tag, q, until);
  readAt(r, ctx, tag, q, r.commit, 'none', until);
}

/** The session saw what is not committed here, as far as this member knows. */
const isAhead = (q: ReadRequest, commit: Seq): boolean =>
  q.level === 'session' && q.token !== null && q.token.seq > commit;

/** Reads at a mark that is proven as far as `proof` says; a session whose token the chain does not hold is told so. */
function readAt(
  r: Replica,
  ctx: Context,
  tag: number,
  q: ReadRequest,
  upTo: Seq,
  proof: 'none' | 'lease' | 'barrier',
  until: MonoMs,
): void {
  if (q.level === 'session' && q.token !== null) {
    const { version, seq } = q.token;
    // What was ever shown was committed at the tail, so a proven mark below it means that the chain lost it.
    const held = seq > upTo ? 'none' : versionAt(r.log, seq);
    if (held !== undefined && held !== version)
      return ctx.reply(
        tag,
        failure(
          'SESSION_LOST',
          `the write ${version}:${seq} of this session is not in the chain any more: the chain lost it; begin a new session, and look at what depended on that write`,
        ),
      );
  }
  // The newest value at or below the mark: from memory, or from the store.
  const item = newestAt(r, q, upTo);
  if (item !== null) return answerRead(r, ctx, tag, storesValue(item.entry) ? item.entry.bytes : null, upTo);
  const repaired = repairedRecord(r, q.key);
  if (repaired !== undefined) return answerRead(r, ctx, tag, repaired?.bytes ?? null, upTo);
  ctx.fetch(q.key, {
    kind: 'read',
    slot: r.slot,
    tag,
    request: q,
    installed: r.installed,
    emptied: r.emptied,
    upTo,
    proof,
    until,
  });
}

function boundedAsksTail(r: Replica, ctx: Context, tag: number, q: ReadRequest, until: MonoMs): void {
  if (!isTail(r) && ctx.leaseCovers(r)) return askTail(r, ctx, { kind: 'read', tag, request: q, until });
  readStrong(r, ctx, tag, q, until);
}

function readStrong(r: Replica, ctx: Context, tag: number, q: ReadRequest, until: MonoMs): void {
  // A session read ahead of this replica comes here too, and a tail may not answer yet (4.6).
  if (!canRead(r))
    return ctx.reply(
      tag,
      failure('NOT_READY', `${ctx.name} may not answer this yet; ask another member`, {
        route: r.assignment,
      }),
    );
  if (!ctx.leaseCovers(r)) return askAll(r, ctx, { kind: 'read', tag, request: q, until });
  const newest = r.log.newest.get(q.key);
  const dirty = newest !== undefined && newest.entry.seq > r.commit;
  if (isTail(r) || !(dirty || isAhead(q, r.commit))) return readAt(r, ctx, tag, q, r.commit, 'lease', until);
  askTail(r, ctx, { kind: 'read', tag, request: q, until });
}

/** A page of values, proven as a strong read of every key is. */
export function readPage(r: Replica, ctx: Context, ask: ListAsk): void {
  if (!mayList(r)) return ctx.page(ask.tag, notListed(r, ctx));
  const p: Pending = { kind: 'list', ask, until: ask.until };
  if (!ctx.leaseCovers(r)) return askAll(r, ctx, p);
  if (isTail(r) || r.log.end.seq === r.commit) return scanPage(r, ctx, ask, r.commit, 'lease');
  askTail(r, ctx, p);
}

function newestAt(r: Replica, q: ReadRequest, upTo: Seq): Item | null {
  let item = r.log.newest.get(q.key) ?? null;
  while (item !== null && item.entry.seq > upTo) item = item.older;
  return item;
}

/** The second look: same version, and the lease still alive, after the fetch (P20). */
export function onReadFetched(
  r: Replica,
  ctx: Context,
  f: Fetch & { kind: 'read' },
  stored: Uint8Array | null | 'corrupt',
): void {
  if (r.installed !== f.installed || r.role !== 'member') {
    // A slot that was emptied meanwhile held less than what the read may show, even if it is whole again.
    if (f.proof !== 'none' || r.emptied !== f.emptied)
      return ctx.reply(
        f.tag,
        failure('NOT_READY', 'the chain changed during the read; ask again', {
          route: r.installing ?? r.assignment,
        }),
      );
  } else if (f.proof === 'lease' && !ctx.leaseCovers(r)) return readStrong(r, ctx, f.tag, f.request, f.until);
  if (stored !== 'corrupt') return answerRead(r, ctx, f.tag, stored, shownUpTo(r, f.upTo, stored));
  const { tag, request, until } = f;
  if (damagedRecord(r, ctx, request.key, { op: 'read', tag, request, until })) return;
  ctx.reply(
    tag,
    failure('CORRUPT', `the value stored at ${ctx.name} does not fit its checksum; ask another member`, {
      route: r.assignment,
    }),
  );
}

/**
 * The store shows at least what was applied when the read began: the value at `upTo`, because nothing of the key was in
 * memory then; or a newer committed one that was applied meanwhile. The position covers what is shown (R42).
 */
function shownUpTo(r: Replica, upTo: Seq, stored: Uint8Array | null): Seq {
  const shown = stored === null ? r.appliedTaken : positionIn(stored).seq;
  return Math.max(upTo, shown) as Seq;
}

function answerRead(r: Replica, ctx: Context, tag: number, entry: Uint8Array | null, upTo: Seq): void {
  const at =
    upTo >= r.log.start.seq && upTo <= r.log.end.seq ? positionAt(r.log, upTo) : positionAt(r.log, r.commit);
  ctx.reply(tag, { kind: 'read', entry, at, slotTime: r.dedupe.time });
}

/** A refused condition, proven like a strong read (R8). */
export function proveRefusal(r: Replica, ctx: Context, p: Pending & { kind: 'refusal' }): void {
  if (ctx.leaseCovers(r)) return refuseNow(r, ctx, p);
  askAll(r, ctx, p);
}

/** What it saw is committed here by now, an absence too: the commit mark covers it. */
function refuseNow(r: Replica, ctx: Context, p: Pending & { kind: 'refusal' }): void {
  ctx.reply(p.tag, refusalReply(p.refusal, p.seen, positionAt(r.log, r.commit), r.dedupe.time));
}

/* The tail query. */

function askTail(r: Replica, ctx: Context, p: Pending): void {
  r.query.next.push(p);
  if (r.query.asked === 0) beginQuery(r, ctx);
  ctx.touch(r);
}

function beginQuery(r: Replica, ctx: Context): void {
  const a = r.assignment;
  if (a === null || r.query.next.length === 0) return;
  r.rounds++;
  beginRound(r.query, r.rounds, ctx);
  sendQuery(r, ctx);
}

/** What waits from here on waits for another round. */
function beginRound(round: Round, number: number, ctx: Context): void {
  round.asked = number;
  round.askedAt = ctx.mono;
  round.sentAt = ctx.mono;
  round.repeats = 0;
  round.waiting.push(...round.next);
  round.next = [];
}

function sendQuery(r: Replica, ctx: Context): void {
  const tail = r.assignment?.members.at(-1);
  if (tail === undefined || r.assignment === null) return;
  const { version } = r.assignment;
  ctx.send(tail.node, { kind: 'tailQuery', slot: r.slot, version, round: r.query.asked });
}

export function onTailQuery(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: TailQuery,
): void {
  const asker = sender(r, from, incarnation);
  if (asker === null || !isTail(r) || !r.answering) return answerQuery(r, ctx, from, m.round, null);
  // Only as tail of this version, under its own lease or a barrier (P21).
  if (ctx.leaseCovers(r)) return answerQuery(r, ctx, from, m.round, positionAt(r.log, r.commit));
  // Asked again while the proof is on its way: one answer is enough.
  const asked = (p: Pending): boolean => p.kind === 'answer' && p.to === from && p.round === m.round;
  if (r.barrier.waiting.some(asked) || r.barrier.next.some(asked)) return;
  askAll(r, ctx, { kind: 'answer', to: from, round: m.round, until: ctx.mono + ctx.timings.deadMs });
}

function answerQuery(r: Replica, ctx: Context, to: NodeName, round: number, commit: Position | null): void {
  if (r.assignment === null) return;
  ctx.send(to, { kind: 'tailAnswer', slot: r.slot, version: r.assignment.version, round, commit });
}

export function onTailAnswer(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: TailAnswer,
): void {
  if (sender(r, from, incarnation) === null || r.query.asked !== m.round) return;
  const waiting = r.query.waiting;
  const askedAt = r.query.askedAt;
  r.query.asked = 0;
  r.query.waiting = [];
  const agrees = m.commit !== null && versionAt(r.log, m.commit.seq) === m.commit.version;
  if (agrees && m.commit !== null && ctx.leaseCovers(r)) {
    r.tailAskedAt = askedAt;
    r.tailMark = m.commit.seq;
    for (const p of waiting) finish(r, ctx, p, m.commit.seq, 'lease');
  } else for (const p of waiting) askAll(r, ctx, p);
  beginQuery(r, ctx);
}

/** The clock stood still for a while: what was asked before is of an unknown age, and proves nothing to bounded reads. */
export function forgetAges(r: Replica): void {
  r.tailAskedAt = Number.NEGATIVE_INFINITY;
  r.query.askedAt = Number.NEGATIVE_INFINITY;
}

/* The barrier. */

function askAll(r: Replica, ctx: Context, p: Pending): void {
  r.barrier.next.push(p);
  if (r.barrier.asked === 0) beginBarrier(r, ctx);
  ctx.touch(r);
}

function beginBarrier(r: Replica, ctx: Context): void {
  const a = r.assignment;
  if (a === null || r.barrier.next.length === 0) return;
  r.rounds++;
  beginRound(r.barrier, r.rounds, ctx);
  r.barrier.commit = r.commit;
  r.barrier.missing = a.members.filter((m) => m.incarnation !== ctx.incarnation).map((m) => m.node);
  if (r.barrier.missing.length === 0) return endBarrier(r, ctx);
  sendBarrier(r, ctx);
}

/** Asks those who have not answered. */
function sendBarrier(r: Replica, ctx: Context): void {
  if (r.assignment === null) return;
  const { version } = r.assignment;
  for (const node of r.barrier.missing)
    ctx.send(node, { kind: 'barrier', slot: r.slot, version, round: r.barrier.asked });
}

/** "Still this version, as this incarnation": said only by one that acts under it, and as tail only after 4.6. */
export function onBarrier(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: Barrier,
): void {
  const asker = sender(r, from, incarnation);
  const holds = asker !== null && r.role === 'member' && (!isTail(r) || r.answering);
  if (r.assignment === null) return;
  ctx.send(from, {
    kind: 'barrierAnswer',
    slot: r.slot,
    version: r.assignment.version,
    round: m.round,
    holds,
    commit: holds && isTail(r) ? positionAt(r.log, r.commit) : null,
  });
}

export function onBarrierAnswer(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: BarrierAnswer,
): void {
  if (sender(r, from, incarnation) === null || r.barrier.asked !== m.round || !m.holds) return;
  if (m.commit !== null) {
    if (versionAt(r.log, m.commit.seq) !== m.commit.version) return;
    r.barrier.commit = Math.max(r.barrier.commit, m.commit.seq) as Seq;
  }
  r.barrier.missing = r.barrier.missing.filter((n) => n !== from);
  if (r.barrier.missing.length === 0) endBarrier(r, ctx);
}

function endBarrier(r: Replica, ctx: Context): void {
  const waiting = r.barrier.waiting;
  const mark = r.barrier.commit;
  r.barrier.asked = 0;
  r.barrier.waiting = [];
  for (const p of waiting) finish(r, ctx, p, mark, 'barrier');
  beginBarrier(r, ctx);
}

function finish(r: Replica, ctx: Context, p: Pending, mark: Seq, proof: 'lease' | 'barrier'): void {
  if (p.kind === 'answer') return answerQuery(r, ctx, p.to, p.round, positionAt(r.log, r.commit));
  if (p.kind === 'refusal') return refuseNow(r, ctx, p);
  if (p.kind === 'list') return scanPage(r, ctx, p.ask, newestOf(r, mark), proof);
  readAt(r, ctx, p.tag, p.request, newestOf(r, mark), proof, p.until);
}

/**
 * Asks again what got no answer, and gives up what has no time left. The repetition keeps its number: whoever waits for it
 * came before its first sending, so an answer to any sending counts, however long the way is (R49).
 */
export function tickRounds(r: Replica, ctx: Context): void {
  if (ctx.leaseCovers(r)) answerByLease(r, ctx);
  for (const round of [r.query, r.barrier]) {
    if (round.asked === 0) continue;
    round.waiting = expire(r, ctx, round.waiting);
    round.next = expire(r, ctx, round.next);
    if (round.waiting.length === 0) {
      // Nobody waits for this one any more.
      round.asked = 0;
      if (round === r.barrier) beginBarrier(r, ctx);
      else beginQuery(r, ctx);
    } else if (ctx.mono - round.sentAt >= retryMs(2 * ctx.timings.beaconMs, round.repeats)) {
      round.sentAt = ctx.mono;
      round.repeats++;
      if (round === r.barrier) sendBarrier(r, ctx);
      else sendQuery(r, ctx);
    }
  }
}

/** The lease is back while a barrier still waits, for a dead member perhaps: what waits begins anew under the lease. */
function answerByLease(r: Replica, ctx: Context): void {
  const pending = [...r.barrier.waiting, ...r.barrier.next];
  if (pending.length === 0) return;
  resetRound(r.barrier);
  for (const p of pending) {
    if (p.kind === 'read') readStrong(r, ctx, p.tag, p.request, p.until);
    else if (p.kind === 'list') readPage(r, ctx, p.ask);
    else finish(r, ctx, p, r.commit, 'lease');
  }
}

function expire(r: Replica, ctx: Context, waiting: Pending[]): Pending[] {
  if (!waiting.some((p) => p.until <= ctx.mono)) return waiting;
  const alive: Pending[] = [];
  for (const p of waiting) {
    if (p.until > ctx.mono) alive.push(p);
    else failPending(r, ctx, p, 'a member of the chain does not answer; ask again, or another member');
  }
  return alive;
}

/** Reads and refusals that wait for a proof are told to ask again. */
export function failRounds(r: Replica, ctx: Context, why: string): void {
  for (const round of [r.query, r.barrier]) {
    for (const p of [...round.waiting, ...round.next]) failPending(r, ctx, p, why);
    resetRound(round);
  }
}

function failPending(r: Replica, ctx: Context, p: Pending, why: string): void {
  if (p.kind === 'answer') {
    if (r.assignment === null) return;
    ctx.send(p.to, {
      kind: 'tailAnswer',
      slot: r.slot,
      version: r.assignment.version,
      round: p.round,
      commit: null,
    });
  } else if (p.kind === 'list') ctx.page(p.ask.tag, notListed(r, ctx, `: ${why}`));
  else ctx.reply(p.tag, failure('NOT_READY', why, { route: r.installing ?? r.assignment }));
}

function resetRound(round: Round): void {
  round.asked = 0;
  round.waiting = [];
  round.next = [];
  round.missing = [];
}
