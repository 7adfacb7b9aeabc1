/**
 * Building a replica without stopping writes (section 5). The joiner follows the log behind the tail from the first
 * moment, and pulls the values in key order beside it. A chunk shows the source's committed state at the moment of
 * the answer; entries of keys that are not copied yet are only logged, because a later chunk holds their effect.
 */
import { type Entry, isNewer, readEntry, storesValue } from '../entry.ts';
import { invariant } from '../errors.ts';
import type { CopyChunk, CopyRequest, SessionsChunk, SessionsRequest } from '../messages.ts';
import type { Scanned } from '../persist.ts';
import { retryMs } from '../timings.ts';
import type { ClientId, Incarnation, Key, NodeName, Seq } from '../words.ts';
import type { Sufferer } from './damage.ts';
import { remember, tableOf, takeIn } from './dedupe.ts';
import { type Item, positionAt } from './log.ts';
import { markLost, refuseNewer } from './lost.ts';
import { pinEffects, unpin } from './pins.ts';
import { damagedRecord } from './repair.ts';
import { decodeSession, pageOfSessions } from './sessions.ts';
import { type Context, type Fetch, predecessor, type Replica, sender } from './state.ts';

/** Scans in a row that may fail before the replica gives its place up. */
const unreadableMax = 20;

/** So many beacons after a question the first repetition of it. */
const copyBeacons = 10;

/** Asks for the next chunk; asked again, later each time, when no answer came (R49). */
export function pullCopy(r: Replica, ctx: Context): void {
  const c = r.copy;
  const source = predecessor(r);
  if (c === null || r.role !== 'joiner' || !r.shaken || source === null || r.assignment === null) return;
  if (c.asked && ctx.mono - c.askedAt < retryMs(copyBeacons * ctx.timings.beaconMs, c.repeats)) return;
  // The mark of the first question stays: an answer to it is as good as one to a later question.
  if (!c.asked) c.commit = r.commit;
  c.repeats = c.asked ? c.repeats + 1 : 0;
  c.asked = true;
  c.askedAt = ctx.mono;
  const { slot } = r;
  const { version } = r.assignment;
  if (c.of === 'values') ctx.send(source.node, { kind: 'copyRequest', slot, version, after: c.after });
  else ctx.send(source.node, { kind: 'sessionsRequest', slot, version, after: c.client });
}

export function onCopyRequest(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: CopyRequest,
): void {
  if (sender(r, from, incarnation) === null || r.role !== 'member' || !r.complete) return;
  scanFor(r, ctx, from, incarnation, m.after);
}

export function scanFor(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  after: Key | null,
): void {
  // Asked again while the answer is on its way.
  const under = r.copyOut;
  if (under !== null && under.to === incarnation && under.after === after && !under.pin.broken) return;
  const pin = pinEffects(r);
  r.copyOut = { to: incarnation, after, pin };
  const { slot, installed } = r;
  ctx.scan(after, ctx.limits.copyBytes, { kind: 'copy', slot, to: from, after, installed, pin });
}

/**
 * The store's part of a chunk came. It shows each key as it was at some moment since the scan was asked for; what was
 * committed above the pin of that moment is laid over it, which makes it the state at the present commit mark (R42).
 */
export function onScanned(
  r: Replica,
  ctx: Context,
  f: Fetch & { kind: 'copy' },
  scanned: Scanned | 'corrupt',
): void {
  const whole = unpin(r, f.pin);
  if (r.copyOut?.pin === f.pin) r.copyOut = null;
  if (!whole || r.installed !== f.installed || r.assignment === null || r.role !== 'member') return;
  if (scanned === 'corrupt') return unreadable(r, ctx, f);
  r.damage.unreadable = 0;
  invariant(r.log.base <= f.pin.above, 'what is above a pin is in memory', {
    slot: r.slot,
    base: r.log.base,
  });
  const { to, after, installed } = f;
  const waits = { op: 'copy', to, after, installed } as const;
  const part = mend(r, ctx, scanned, waits);
  if (part === 'waits' || part === 'full') return;
  const { values, next } = overlay(r, f.after, part, ctx.limits.copyBytes);
  ctx.send(f.to, {
    kind: 'copyChunk',
    slot: r.slot,
    version: r.assignment.version,
    after: f.after,
    next,
    at: positionAt(r.log, r.commit),
    values,
    damaged: part.nowhere.filter((key) => next === null || key <= next),
  });
}

/** Asked again by the joiner; one whose store stays unreadable comes back as a joiner, if others hold the slot. */
function unreadable(r: Replica, ctx: Context, f: Fetch & { kind: 'copy' }): void {
  r.damage.unreadable++;
  ctx.notice('error', 'copy.corrupt', { slot: r.slot, to: f.to, after: f.after });
  if (r.damage.unreadable < unreadableMax || (r.assignment?.members.length ?? 0) < 2) return;
  r.damage.unreadable = 0;
  markLost(r, ctx, 'its store cannot read the values of this slot');
}

/** What of a scan can be sent now: damaged records in it were replaced, or are known to be nowhere. */
export interface Mended {
  readonly values: readonly Uint8Array[];
  readonly next: Key | null;
  readonly nowhere: readonly Key[];
}

/**
 * Damaged records of a scan are repaired before they are sent. One that is not known yet ends the chunk before it; when it is
 * the first, who waits for the scan goes on when it is known, unless there is no room for one more repair (`full`). What no member has any more travels as damaged: it stops no join.
 */
export function mend(
  r: Replica,
  ctx: Context,
  scanned: Scanned,
  waits: Sufferer & { op: 'copy' | 'list' },
): Mended | 'waits' | 'full' {
  if (scanned.damaged.length === 0) return { ...scanned, nowhere: [] };
  const values: Uint8Array[] = [...scanned.values];
  const nowhere: Key[] = [];
  let covered: Key | null = null;
  for (const key of scanned.damaged) {
    const repair = r.damage.repairs.get(key);
    if (repair?.state === 'found') {
      if (repair.record !== null) values.push(repair.record.bytes);
    } else if (repair?.state === 'nowhere') nowhere.push(key);
    else {
      const first = covered === null && !scanned.values.some((bytes) => keyOf(bytes) < key);
      const known = repair?.waiting.some((s) => sameCopy(s, waits)) === true;
      const begun = damagedRecord(r, ctx, key, first && !known ? waits : null);
      if (first) return begun ? 'waits' : 'full';
      return cutBefore(key, { values, next: covered, nowhere });
    }
    covered = key;
  }
  return { values, next: scanned.next, nowhere };
}

const sameCopy = (a: Sufferer, b: Sufferer): boolean => a.op === 'copy' && b.op === 'copy' && a.to === b.to;

function cutBefore(key: Key, part: Mended): Mended {
  const values = part.values.filter((bytes) => keyOf(bytes) < key);
  let { next } = part;
  for (const bytes of values) {
    const of = keyOf(bytes);
    if (next === null || of > next) next = of;
  }
  return { values, next, nowhere: part.nowhere };
}

const keyOf = (bytes: Uint8Array): Key => readEntry(bytes)?.key as Key;

/**
 * The chunk in key order, cut where it reaches its size: what is laid over may be more than what was scanned.
 */
export function overlay(
  r: Replica,
  after: Key | null,
  scanned: Pick<Scanned, 'values' | 'next'>,
  maxBytes: number,
  upTo: Seq = r.commit,
): { readonly values: Uint8Array[]; readonly next: Key | null } {
  const inMemory = new Map<Key, Entry>();
  for (let i = r.log.head; i < r.log.items.length; i++) {
    const e = (r.log.items[i] as Item).entry;
    if (e.seq > upTo) break;
    if (
      e.kind === 'refused' ||
      (after !== null && e.key <= after) ||
      (scanned.next !== null && e.key > scanned.next)
    )
      continue;
    inMemory.set(e.key, e);
  }
  if (inMemory.size === 0) return { values: [...scanned.values], next: scanned.next };
  const found: Entry[] = [];
  for (const bytes of scanned.values) {
    const stored = readEntry(bytes);
    if (stored !== null && !inMemory.has(stored.key)) found.push(stored);
  }
  for (const e of inMemory.values()) if (storesValue(e)) found.push(e);
  found.sort((a, b) => (a.key < b.key ? -1 : 1));
  const values: Uint8Array[] = [];
  let bytes = 0;
  for (const e of found) {
    if (bytes >= maxBytes) return { values, next: (found[values.length - 1] as Entry).key };
    values.push(e.bytes);
    bytes += e.bytes.length;
  }
  return { values, next: scanned.next };
}

export function onCopyChunk(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: CopyChunk,
): void {
  const c = r.copy;
  if (
    c === null ||
    r.role !== 'joiner' ||
    sender(r, from, incarnation) === null ||
    c.of !== 'values' ||
    m.after !== c.after ||
    !c.asked
  )
    return;
  // Older than the question: such a chunk would bring back what was overwritten since. The question is repeated.
  if (m.at.seq < c.commit) return;
  c.asked = false;
  const values: Entry[] = [];
  for (const bytes of m.values) {
    const entry = readEntry(bytes);
    if (entry === null && isNewer(bytes)) return refuseNewer(r, ctx, from, bytes);
    if (entry === null || entry.slot !== r.slot) {
      ctx.notice('error', 'copy.damaged', { slot: r.slot, from, after: m.after });
      return;
    }
    values.push(entry);
  }
  r.copied.push(...values, ...overtook(r, m));
  r.copiedDamaged.push(...m.damaged);
  r.answerFrom = Math.max(r.answerFrom, m.at.seq) as Seq;
  if (m.next !== null) {
    c.after = m.next;
    ctx.touch(r);
    return pullCopy(r, ctx);
  }
  c.of = 'sessions';
  ctx.touch(r);
  pullCopy(r, ctx);
}

export function onSessionsRequest(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: SessionsRequest,
): void {
  if (sender(r, from, incarnation) === null || r.role !== 'member' || !r.complete || r.assignment === null)
    return;
  const { records, next } = pageOfSessions(r.dedupe, m.after, ctx.limits.copyBytes);
  ctx.send(from, {
    kind: 'sessionsChunk',
    slot: r.slot,
    version: r.assignment.version,
    after: m.after,
    next,
    at: positionAt(r.log, r.commit),
    forgotten: r.dedupe.forgotten,
    sessions: records,
  });
}

/** Sessions of a range of clients, at the source's commit mark; what was committed here since is taken in on top. */
export function onSessionsChunk(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: SessionsChunk,
): void {
  const c = r.copy;
  if (c === null || r.role !== 'joiner' || sender(r, from, incarnation) === null) return;
  if (c.of !== 'sessions' || m.after !== c.client || !c.asked || m.at.seq < c.commit) return;
  const decoded = m.sessions.map(decodeSession);
  if (decoded.includes(null)) {
    ctx.notice('error', 'copy.damaged', { slot: r.slot, from, after: m.after });
    return;
  }
  c.asked = false;
  for (const [i, session] of decoded.entries()) {
    if (session === null) continue;
    r.dedupe.sessions.set(...session);
    r.copiedSessions.push({ client: session[0], bytes: m.sessions[i] as Uint8Array });
  }
  if (m.forgotten.last > r.dedupe.forgotten.last) r.dedupe.forgotten = m.forgotten;
  c.client = m.next === 0 ? lastClient : m.next;
  for (let i = r.log.head; i < r.log.items.length; i++) {
    const e = (r.log.items[i] as Item).entry;
    if (e.seq > r.commit) break;
    if (e.seq > m.at.seq && e.client > m.after) rememberCommitted(r, ctx, e);
  }
  r.answerFrom = Math.max(r.answerFrom, m.at.seq) as Seq;
  ctx.touch(r);
  if (m.next !== 0) return pullCopy(r, ctx);
  // The copy is whole once the log is applied up to the newest moment that a chunk showed.
  r.copy = null;
  r.complete = true;
  r.dedupe = tableOf(r.dedupe.sessions, r.dedupe.forgotten, r.dedupe.unsaved, ctx.room);
  ctx.notice('info', 'join.copied', { slot: r.slot, from, at: m.at });
}

/** Every client is below it. */
const lastClient = Number.MAX_SAFE_INTEGER as ClientId;

/**
 * Chunks travel on a connection of their own, so younger commits may have arrived before them. Those were not applied,
 * because their keys were not copied yet: they take effect on top of the chunk.
 */
function overtook(r: Replica, m: CopyChunk): Entry[] {
  const out: Entry[] = [];
  for (let i = r.log.head; i < r.log.items.length; i++) {
    const e = (r.log.items[i] as Item).entry;
    if (e.seq > r.appliedTaken) break;
    if (e.seq <= m.at.seq || e.kind === 'refused') continue;
    if ((m.after === null || e.key > m.after) && (m.next === null || e.key <= m.next)) out.push(e);
  }
  return out;
}

/** While a copy is unfinished only keys that it passed take the effect of entries; others are in a later chunk. */
export const takesEffect = (r: Replica, e: Entry): boolean =>
  r.copy === null || r.copy.of === 'sessions' || (r.copy.after !== null && e.key <= r.copy.after);

/**
 * The result of a committed entry. While a copy is unfinished that of a client whose session is still to come is in a
 * later chunk, and the source decides what there is no room for.
 */
export function rememberCommitted(r: Replica, ctx: Context, e: Entry): void {
  const c = r.copy;
  if (c === null) remember(r.dedupe, e, ctx.room);
  else if (c.of === 'sessions' && e.client <= c.client) takeIn(r.dedupe, e, ctx.room.horizonMs);
}
