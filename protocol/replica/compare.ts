/**
 * Comparison of what two neighbours of a chain hold (10.8): a write that one of them lost leaves an older record that
 * verifies, or none, and no read of one member alone finds that. A member that has read a page of its records asks its
 * predecessor for the same range. The answer shows the state at exactly one commit mark, which is later than the own
 * read. What came between them is in the own memory, held by a pin, so the own page is known at that mark too: writes
 * that go on make no difference that is none.
 */
import { crc32 } from 'node:zlib';
import { type Entry, entryHeaderBytes, readEntry, storesValue } from '../entry.ts';
import { invariant } from '../errors.ts';
import type { CompareAnswer, CompareRequest } from '../messages.ts';
import type { Scanned } from '../persist.ts';
import { type Incarnation, type Key, type NodeName, origin, type Position, type Seq } from '../words.ts';
import type { Comparing } from './damage.ts';
import { overlay } from './joining.ts';
import { mayList } from './listing.ts';
import { type Item, positionAt } from './log.ts';
import { type Pin, pinEffects, unpin } from './pins.ts';
import { suspect } from './poll.ts';
import { type Context, type Fetch, predecessor, type Replica, sender } from './state.ts';

/** An unanswered question is asked again after so many beacons, and given up after so many questions. */
const askBeacons = 20;
const triesMax = 20;

/** What identifies a record: the entry's checksum, position and key (docs/format.md). */
const summaryBytes = 14;

function summaryOf(e: Entry): Uint8Array {
  const { bytes } = e;
  const s = new Uint8Array(summaryBytes + e.key.length);
  s.set(bytes.subarray(4, 8), 0);
  s.set(bytes.subarray(16, 20), 4);
  s.set(bytes.subarray(24, 30), 8);
  s.set(bytes.subarray(entryHeaderBytes, entryHeaderBytes + e.key.length), summaryBytes);
  return s;
}

const keyIn = (summary: Uint8Array): Key =>
  Buffer.from(summary.buffer, summary.byteOffset, summary.byteLength).toString('latin1', summaryBytes) as Key;

function positionOf(summary: Uint8Array): Position {
  const b = Buffer.from(summary.buffer, summary.byteOffset, summary.byteLength);
  return { version: b.readUInt32LE(4), seq: b.readUIntLE(8, 6) } as Position;
}

function digestOf(summaries: readonly Uint8Array[]): number {
  let digest = crc32(`${summaries.length}`);
  for (const s of summaries) digest = crc32(s, crc32(`:${s.length}:`, digest));
  return digest;
}

const within = (key: Key, after: Key | null, next: Key | null): boolean =>
  (after === null || key > after) && (next === null || key <= next);

/* At the member that compares. */

/** The page was read under `pin`, which is kept when the comparison begins. `nobody`: the head's own page is the measure. */
export function beginComparing(
  r: Replica,
  ctx: Context,
  of: { readonly after: Key | null; readonly pin: Pin },
  scanned: Scanned,
): 'begun' | 'nobody' | 'notNow' {
  const peer = predecessor(r);
  if (peer === null) return 'nobody';
  if (!mayList(r) || of.pin.broken || r.damage.comparing !== null || !ctx.linkUp(peer.node)) return 'notNow';
  const page = new Map<Key, Uint8Array>();
  for (const bytes of scanned.values) {
    const e = readEntry(bytes);
    if (e === null) continue;
    // A copy that was taken over may be newer than what is committed here yet.
    if (e.seq > r.commit) return 'notNow';
    page.set(e.key, summaryOf(e));
  }
  const comparing: Comparing = {
    peer: peer.node,
    installed: r.installed,
    pin: of.pin,
    atLeast: r.commit,
    page,
    damaged: new Set(scanned.damaged),
    after: of.after,
    next: scanned.next,
    round: 0,
    askedAt: ctx.mono,
    tries: 0,
    records: scanned.damaged.length > 0,
    answer: null,
    differing: 0,
    outcome: 'asking',
  };
  r.damage.comparing = comparing;
  ask(r, ctx, comparing);
  return 'begun';
}

function ask(r: Replica, ctx: Context, c: Comparing): void {
  if (r.assignment === null) return;
  r.rounds++;
  c.round = r.rounds;
  c.askedAt = ctx.mono;
  c.tries++;
  const { slot } = r;
  const { version } = r.assignment;
  const { round, after, next, atLeast, records } = c;
  ctx.send(c.peer, { kind: 'compareRequest', slot, version, round, after, next, atLeast, records });
}

function end(r: Replica, c: Comparing, outcome: 'done' | 'again' | 'skipped'): void {
  unpin(r, c.pin);
  c.outcome = outcome;
}

/** How the comparison ended; null while it goes on. */
export function takeComparison(r: Replica): Comparing | null {
  const c = r.damage.comparing;
  if (c === null || c.outcome === 'asking') return null;
  r.damage.comparing = null;
  return c;
}

export function cancelComparing(r: Replica): void {
  if (r.damage.comparing?.outcome === 'asking') end(r, r.damage.comparing, 'again');
  r.damage.comparing = null;
}

/** Called with every beacon. */
export function tickComparing(r: Replica, ctx: Context): void {
  const c = r.damage.comparing;
  if (c === null || c.outcome !== 'asking') return;
  if (c.pin.broken || r.installed !== c.installed || r.role !== 'member') return end(r, c, 'again');
  if (c.answer !== null) return take(r, ctx, c, c.answer);
  if (ctx.mono - c.askedAt < askBeacons * ctx.timings.beaconMs) return;
  if (c.tries >= triesMax) return end(r, c, 'skipped');
  ask(r, ctx, c);
}

export function onCompareAnswer(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: CompareAnswer,
): void {
  const c = r.damage.comparing;
  if (c === null || c.outcome !== 'asking' || c.round !== m.round || c.peer !== from) return;
  if (sender(r, from, incarnation) === null || c.answer !== null || c.pin.broken) return;
  if (m.state === 'behind' || m.at.seq < c.atLeast || m.summaries.some((s) => s.length <= summaryBytes)) {
    // Asked again with the next beacon.
    c.askedAt = Number.NEGATIVE_INFINITY;
    return;
  }
  take(r, ctx, c, m);
}

/** The answer waits until this replica has committed what the answer shows. */
function take(r: Replica, ctx: Context, c: Comparing, m: CompareAnswer): void {
  c.answer = r.commit < m.at.seq ? m : null;
  if (c.answer !== null) return;
  const skip = new Set([...m.damaged, ...c.damaged, ...r.damage.repairs.keys()]);
  const own = pageAt(r, c, m.at.seq, m.next);
  if (m.state === 'digest') {
    if (skip.size > 0 || digestOf([...own.values()]) !== m.digest) {
      c.records = true;
      return ask(r, ctx, c);
    }
    for (const key of r.damage.undecided) if (within(key, c.after, m.next)) r.damage.undecided.delete(key);
  } else if (!differences(r, ctx, c, own, m, skip)) return end(r, c, 'again');
  if (m.next === c.next) return end(r, c, 'done');
  if (m.next === null || !within(m.next, c.after, c.next)) return end(r, c, 'skipped');
  c.after = m.next;
  c.tries = 0;
  c.records = c.damaged.size > 0;
  ask(r, ctx, c);
}

/** The own page at the mark, in key order: as it was read, with what was committed since laid over it. */
function pageAt(r: Replica, c: Comparing, mark: Seq, next: Key | null): ReadonlyMap<Key, Uint8Array> {
  invariant(r.log.base <= c.pin.above, 'what is above a pin is in memory', {
    slot: r.slot,
    base: r.log.base,
  });
  const state = new Map(c.page);
  for (let i = r.log.head; i < r.log.items.length; i++) {
    const e = (r.log.items[i] as Item).entry;
    if (e.seq > mark) break;
    if (e.kind === 'refused') continue;
    if (storesValue(e)) state.set(e.key, summaryOf(e));
    else state.delete(e.key);
  }
  const keys = [...state.keys()].filter((key) => within(key, c.after, next)).sort();
  return new Map(keys.map((key) => [key, state.get(key) as Uint8Array]));
}

/** False when there were too many at once to look into all. */
function differences(
  r: Replica,
  ctx: Context,
  c: Comparing,
  own: ReadonlyMap<Key, Uint8Array>,
  m: CompareAnswer,
  skip: ReadonlySet<Key>,
): boolean {
  const theirs = new Map(m.summaries.map((s) => [keyIn(s), s]));
  let all = true;
  for (const key of new Set([...own.keys(), ...theirs.keys()])) {
    if (skip.has(key) || r.damage.polls.has(key)) continue;
    const [mine, other] = [own.get(key), theirs.get(key)];
    if (mine !== undefined && other !== undefined && Buffer.compare(mine, other) === 0) {
      r.damage.undecided.delete(key);
      continue;
    }
    if (!suspect(r, ctx, key)) {
      all = false;
      continue;
    }
    c.differing++;
    ctx.notice('error', 'scrub.differs', {
      slot: r.slot,
      version: r.assignment?.version,
      key,
      here: mine === undefined ? null : positionOf(mine),
      there: other === undefined ? null : positionOf(other),
      peer: c.peer,
      mark: m.at,
    });
    if (r.assignment !== null)
      ctx.send(c.peer, { kind: 'recordSuspect', slot: r.slot, version: r.assignment.version, key });
  }
  return all;
}

/* At its predecessor. */

export function onCompareRequest(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: CompareRequest,
): void {
  if (sender(r, from, incarnation) === null || r.assignment === null) return;
  if (!mayList(r) || r.damage.lending >= ctx.limits.repairs) return behind(r, ctx, from, m.round);
  r.damage.lending++;
  const { slot, installed } = r;
  ctx.scan(m.after, ctx.limits.copyBytes, {
    kind: 'compare',
    slot,
    to: from,
    asked: m,
    installed,
    pin: pinEffects(r),
  });
}

function behind(r: Replica, ctx: Context, to: NodeName, round: number): void {
  if (r.assignment === null) return;
  ctx.send(to, {
    kind: 'compareAnswer',
    slot: r.slot,
    version: r.assignment.version,
    round,
    state: 'behind',
    next: null,
    at: origin,
    digest: 0,
    summaries: [],
    damaged: [],
  });
}

export function onCompareScanned(
  r: Replica,
  ctx: Context,
  f: Fetch & { kind: 'compare' },
  scanned: Scanned | 'corrupt',
): void {
  r.damage.lending--;
  const whole = unpin(r, f.pin);
  if (r.installed !== f.installed || r.assignment === null || !mayList(r)) return;
  const { round, after, next, atLeast, records } = f.asked;
  if (!whole || scanned === 'corrupt' || r.commit < atLeast) return behind(r, ctx, f.to, round);
  const last = next !== null && (scanned.next === null || scanned.next >= next) ? next : scanned.next;
  const inRange: Uint8Array[] = [];
  for (const bytes of scanned.values) {
    const e = readEntry(bytes);
    if (e === null || !within(e.key, after, last)) continue;
    if (e.seq > r.commit) return behind(r, ctx, f.to, round);
    inRange.push(bytes);
  }
  const part = overlay(r, after, { values: inRange, next: last }, ctx.limits.copyBytes);
  const unsure = [...scanned.damaged, ...r.damage.repairs.keys()];
  const damaged = unsure.filter((key) => within(key, after, part.next));
  const summaries = part.values.map((bytes) => summaryOf(readEntry(bytes) as Entry));
  const full = records || damaged.length > 0;
  ctx.send(f.to, {
    kind: 'compareAnswer',
    slot: r.slot,
    version: r.assignment.version,
    round,
    state: full ? 'records' : 'digest',
    next: part.next,
    at: positionAt(r.log, r.commit),
    digest: full ? 0 : digestOf(summaries),
    summaries: full ? summaries : [],
    damaged,
  });
}
