/**
 * Pages of a slot's values for exports (rule 3.1). A page holds each write that was acknowledged before it was asked
 * for: it is proven as a strong read is (reading.ts), and what is committed and not yet in the store's answer is laid
 * over it (R42). Pages are no snapshot: later ones may show later writes.
 */
import { readEntry } from '../entry.ts';
import { invariant } from '../errors.ts';
import type { Scanned } from '../persist.ts';
import { failure } from '../replies.ts';
import type { Failure, ListAsk } from '../requests.ts';
import type { Key, Seq } from '../words.ts';
import { type Mended, mend, overlay } from './joining.ts';
import { positionAt } from './log.ts';
import { pinEffects, unpin } from './pins.ts';
import { type Context, type Fetch, isTail, type Replica } from './state.ts';

/** It may answer as what it is, and what it holds is a whole state. */
export const mayList = (r: Replica): boolean =>
  r.role === 'member' &&
  r.installing === null &&
  r.complete &&
  r.lost === '' &&
  r.readable &&
  (!isTail(r) || r.answering);

export const notListed = (r: Replica, ctx: Context, why = ''): Failure =>
  failure('NOT_READY', `${ctx.name} may not list slot ${r.slot} now${why}; ask again, or another member`, {
    route: r.installing ?? r.assignment,
  });

/** Proven up to `upTo`: the store is asked. */
export function scanPage(
  r: Replica,
  ctx: Context,
  ask: ListAsk,
  upTo: Seq,
  proof: 'lease' | 'barrier',
): void {
  const { slot, installed } = r;
  ctx.scan(ask.after, Math.min(Math.max(1, ask.maxBytes), ctx.limits.listBytes), {
    kind: 'list',
    slot,
    ask,
    installed,
    upTo,
    proof,
    pin: pinEffects(r),
  });
}

/** What is laid over stands for the damaged record. */
function inMemory(r: Replica, key: Key, upTo: Seq): boolean {
  let item = r.log.newest.get(key) ?? null;
  while (item !== null && item.entry.seq > upTo) item = item.older;
  return item !== null;
}

/** The second look, after the scan (P20). False: the proof is over, or the store's answer is; begin anew. */
export function answerPage(
  r: Replica,
  ctx: Context,
  f: Fetch & { kind: 'list' },
  scanned: Scanned | 'corrupt',
): boolean {
  const whole = unpin(r, f.pin);
  const { tag, after, maxBytes } = f.ask;
  // A slot that was left or emptied meanwhile holds less than what the page may show.
  if (r.installed !== f.installed || !mayList(r)) {
    ctx.page(tag, notListed(r, ctx, ': its chain changed'));
    return true;
  }
  if (!whole || (f.proof === 'lease' && !ctx.leaseCovers(r))) return false;
  const upTo = Math.max(f.upTo, r.commit) as Seq;
  if (scanned === 'corrupt') {
    const why = `the values of slot ${r.slot} stored at ${ctx.name} can't be read; ask another member`;
    ctx.page(tag, failure('CORRUPT', why, { route: r.assignment }));
    return true;
  }
  invariant(r.log.base <= f.pin.above, 'what is above a pin is in memory', {
    slot: r.slot,
    base: r.log.base,
  });
  // Damaged records are repaired before the page is given; what no member has is named in it.
  const damaged = scanned.damaged.filter((key) => !inMemory(r, key, upTo));
  const part = mend(r, ctx, { ...scanned, damaged }, { op: 'list', ask: f.ask, until: f.ask.until });
  if (part === 'waits') return true;
  if (part === 'full') {
    ctx.page(tag, notListed(r, ctx, ': too many of its records are being repaired'));
    return true;
  }
  const most = Math.min(Math.max(1, maxBytes), ctx.limits.listBytes);
  const page = overlay(r, after, damaged.length === 0 ? part : inOrder(part), most, upTo);
  const lost = part.nowhere.filter((key) => page.next === null || key <= page.next);
  ctx.page(tag, { kind: 'page', ...page, damaged: lost, at: positionAt(r.log, upTo) });
  return true;
}

/** Records that were repaired stand behind the others. */
function inOrder(part: Mended): Pick<Scanned, 'values' | 'next'> {
  const keyOf = (bytes: Uint8Array): Key => readEntry(bytes)?.key as Key;
  const { next } = part;
  return { next, values: [...part.values].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) };
}
