/**
 * Scrub (10.6): every record of every slot that this node holds is read, at low priority, so that rot is found before a client
 * or a joiner needs the record, and while other members still have copies. One chunk at a time, slot by slot in key
 * order, no faster than a bound; what does not verify is repaired as any damaged record is. Each chunk is then compared
 * with what the predecessor in the chain holds (10.8), which finds what verifies and is old, or is not there.
 */
import type { Scanned } from '../persist.ts';
import { beginComparing, cancelComparing, takeComparison } from '../replica/compare.ts';
import { pinEffects, unpin } from '../replica/pins.ts';
import { damagedRecord } from '../replica/repair.ts';
import type { Fetch, Replica } from '../replica/state.ts';
import type { Key, Slot } from '../words.ts';
import type { NodeContext } from './context.ts';
import type { ScrubPace, ScrubView } from './contract.ts';
import type { NodeState, ReadPage } from './state.ts';

/** A week, and 1 MiB a second: a node reads 600 GB in that time. */
export const defaultScrub: ScrubPace = { everyMs: 7 * 86_400_000, bytesPerSecond: 1_048_576 };
/** How often a chunk is read again while its damaged records wait for a repair. */
const patience = 20;
const againMs = 1000;
const lostMs = 60_000;
/** Until somebody asks. */
const never = Number.POSITIVE_INFINITY;

/** Begins what is due. Called with every tick. */
export function tickScrub(s: NodeState, ctx: NodeContext): void {
  const c = s.scrub;
  const { mono } = s.now;
  if (mono < c.nextAt || s.control.failed !== '') return;
  if (c.began === null) {
    c.began = mono;
    c.left = [...s.replicas.keys()];
    c.after = null;
  }
  if (c.page !== null && !compared(s, ctx, c.page)) return;
  for (;;) {
    const slot = c.left[0];
    if (slot === undefined) return endPass(s, ctx, c.began);
    const r = s.replicas.get(slot);
    // A copy that is not whole yet is as new as can be.
    if (r?.role === 'member' && r.complete) return readNext(s, ctx, r);
    nextSlot(s);
  }
}

function readNext(s: NodeState, ctx: NodeContext, r: Replica): void {
  const c = s.scrub;
  ctx.slot = r.slot;
  // A chunk that never came is asked for again.
  c.nextAt = s.now.mono + lostMs;
  ctx.scan(c.after, ctx.limits.copyBytes, {
    kind: 'scrub',
    slot: r.slot,
    after: c.after,
    pin: pinEffects(r),
  });
}

function nextSlot(s: NodeState): void {
  s.scrub.left.shift();
  s.scrub.after = null;
  s.scrub.tries = 0;
}

/** Whether the page that was read last is compared, or can't be: the scrub goes on behind it, or reads it again. */
function compared(s: NodeState, ctx: NodeContext, page: ReadPage): boolean {
  const c = s.scrub;
  const r = s.replicas.get(page.slot);
  const comparing = r === undefined ? null : takeComparison(r);
  if (comparing === null && r?.damage.comparing) return false;
  c.page = null;
  c.differing += comparing?.differing ?? 0;
  if (comparing?.outcome === 'again' && c.tries < patience) {
    c.tries++;
    c.nextAt = s.now.mono + againMs;
    return false;
  }
  if (comparing?.outcome !== 'done') skipped(s, ctx, page.slot);
  else c.compared += page.records;
  passPage(s, page);
  return s.now.mono >= c.nextAt;
}

function skipped(s: NodeState, ctx: NodeContext, slot: Slot): void {
  s.scrub.skipped++;
  ctx.notice('warn', 'scrub.skipped', { slot, after: s.scrub.after });
}

function passPage(s: NodeState, page: ReadPage): void {
  const c = s.scrub;
  c.tries = 0;
  c.records += page.records;
  c.damaged += page.damaged;
  if (page.next === null) nextSlot(s);
  else c.after = page.next;
}

function endPass(s: NodeState, ctx: NodeContext, began: number): void {
  const c = s.scrub;
  const { everyMs } = s.config.scrub ?? defaultScrub;
  c.began = null;
  c.passes++;
  c.lastPassAt = s.now.wall;
  c.nextAt = everyMs === 0 ? never : Math.max(began + everyMs, s.now.mono + againMs);
  ctx.notice('info', 'scrub.done', {
    records: c.records,
    damaged: c.damaged,
    compared: c.compared,
    differing: c.differing,
    ms: s.now.mono - began,
  });
}

/** The next chunk was read: what does not verify is to be repaired, and the rest compared, before the scrub goes on. */
export function onScrubbed(
  s: NodeState,
  ctx: NodeContext,
  r: Replica,
  f: Fetch & { kind: 'scrub' },
  result: Scanned | 'corrupt',
): void {
  const c = s.scrub;
  const known = c.left[0] === f.slot && c.after === f.after && c.page === null;
  if (!known || !take(s, ctx, r, f, result)) unpin(r, f.pin);
}

/** True when the page is being compared: its pin is kept. */
function take(
  s: NodeState,
  ctx: NodeContext,
  r: Replica,
  f: Fetch & { kind: 'scrub' },
  result: Scanned | 'corrupt',
): boolean {
  const c = s.scrub;
  const { mono } = s.now;
  const unread = result === 'corrupt' || !repairAll(r, ctx, result.damaged);
  const state = unread ? 'unread' : beginComparing(r, ctx, f, result);
  if ((state === 'unread' || state === 'notNow') && c.tries < patience) {
    c.tries++;
    c.nextAt = mono + againMs;
    return false;
  }
  if (result === 'corrupt') {
    ctx.notice('error', 'scrub.unreadable', { slot: f.slot, after: f.after });
    nextSlot(s);
    return false;
  }
  const bytes = result.values.reduce((sum, value) => sum + value.length, 1);
  c.nextAt = mono + (bytes / (s.config.scrub ?? defaultScrub).bytesPerSecond) * 1000;
  const records = result.values.length + result.damaged.length;
  const page = { slot: f.slot, records, damaged: result.damaged.length, next: result.next };
  if (state === 'begun') {
    c.page = page;
    return true;
  }
  if (state !== 'nobody') skipped(s, ctx, f.slot);
  passPage(s, page);
  return false;
}

/** False while some can't be begun, because as many as may be are under repair. */
function repairAll(r: Replica, ctx: NodeContext, damaged: readonly Key[]): boolean {
  let all = true;
  for (const key of damaged) all = damagedRecord(r, ctx, key, null) && all;
  return all;
}

/** Keys whose members differ while nothing proves who is right. */
export function undecidedIn(s: NodeState): number {
  let keys = 0;
  for (const r of s.replicas.values()) keys += r.damage.undecided.size;
  return keys;
}

/** What became of damaged records of all slots. */
export function repairsIn(s: NodeState): Pick<ScrubView, 'repairing' | 'repaired' | 'nowhere'> {
  const sum = { repairing: 0, repaired: 0, nowhere: 0 };
  for (const { damage } of s.replicas.values()) {
    sum.repairing += damage.repairs.size;
    sum.repaired += damage.repaired;
    sum.nowhere += damage.nowhere;
  }
  return sum;
}

/** How many slots are left of the present pass; 0 between passes. */
export const slotsToScrub = (s: NodeState): number => (s.scrub.began === null ? 0 : s.scrub.left.length);

/** A pass begins now, and what was read of the present one is read again. */
export function scrubNow(s: NodeState): void {
  const c = s.scrub;
  const r = c.page === null ? undefined : s.replicas.get(c.page.slot);
  if (r !== undefined) cancelComparing(r);
  c.page = null;
  c.began = null;
  c.nextAt = s.now.mono;
  c.tries = 0;
}

export const noScrub = (mono: number, pace: ScrubPace = defaultScrub): NodeState['scrub'] => ({
  // Not while the node starts and its chains take it in again.
  nextAt: pace.everyMs === 0 ? never : mono + Math.min(60_000, pace.everyMs),
  began: null,
  left: [] as Slot[],
  after: null,
  tries: 0,
  records: 0,
  damaged: 0,
  page: null,
  compared: 0,
  differing: 0,
  skipped: 0,
  passes: 0,
  lastPassAt: 0,
});
