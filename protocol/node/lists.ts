/** Who asked for pages of values at this node: a bounded number at a time, for they share the disk with all others. */

import type { Scanned } from '../persist.ts';
import { answerPage, mayList, notListed } from '../replica/listing.ts';
import { readPage } from '../replica/reading.ts';
import type { Fetch, Replica } from '../replica/state.ts';
import { failure } from '../replies.ts';
import type { NodeContext } from './context.ts';
import type { NodeEvent } from './contract.ts';
import { foreign } from './foreign.ts';
import { routeOf } from './requests.ts';
import type { NodeState } from './state.ts';

/** How long a page may take inside a node. */
const patienceMs = 10_000;

export function onList(s: NodeState, ctx: NodeContext, e: NodeEvent & { kind: 'list' }): void {
  const { tag, slot, after, maxBytes } = e;
  const until = s.now.mono + patienceMs;
  const busy = Math.max(s.lists.size, s.listScans);
  s.lists.set(tag, until);
  const other = foreign(s);
  if (other !== null) return ctx.page(tag, other);
  if (busy >= ctx.limits.lists)
    return ctx.page(
      tag,
      failure('OVERLOADED', `${busy} pages are read at ${ctx.name} already; ask again later`),
    );
  const r = s.replicas.get(slot);
  ctx.slot = slot;
  if (r === undefined || r.role !== 'member')
    return ctx.page(
      tag,
      failure('NOT_MEMBER', `${ctx.name} holds no whole copy of slot ${slot}; ask a member`, {
        route: routeOf(s, slot) ?? null,
      }),
    );
  if (!mayList(r)) return ctx.page(tag, notListed(r, ctx));
  readPage(r, ctx, { tag, after, maxBytes, until });
}

/** The store's part of a page came. */
export function onListScanned(
  s: NodeState,
  ctx: NodeContext,
  r: Replica,
  f: Fetch & { kind: 'list' },
  result: Scanned | 'corrupt',
): void {
  s.listScans--;
  if (answerPage(r, ctx, f, result) || !s.lists.has(f.ask.tag)) return;
  readPage(r, ctx, f.ask);
}

/** A page that waits for too long is given up; what the store says later is nobody's. Called with every tick. */
export function giveUpLists(s: NodeState, ctx: NodeContext): void {
  for (const [tag, until] of s.lists)
    if (until <= s.now.mono)
      ctx.page(
        tag,
        failure('NOT_READY', `the store of ${ctx.name} does not answer in time; ask another member`),
      );
}
