/**
 * What an unexpected error costs (R45). A broken invariant ends the process, whoever met it. Any other error costs what it
 * happened in: a request is answered INTERNAL; a replica stops, because its state may be half changed, is left out by
 * the coordinator and joins anew from nothing; what a coordinator said is taken when it says it again.
 */
import { InvariantBroken } from '../errors.ts';
import { markLost } from '../replica/lost.ts';
import { failure } from '../replies.ts';
import type { Slot } from '../words.ts';
import type { NodeContext } from './context.ts';
import type { NodeEvent } from './contract.ts';
import type { NodeState } from './state.ts';

/** As `NodeContext.slot`: no replica is at work. */
export const noSlot = -1 as Slot;

/** `ctx.slot` says which replica was at work. @throws the error when it is a broken invariant */
export function contain(s: NodeState, ctx: NodeContext, during: string, error: unknown): void {
  if (error instanceof InvariantBroken) throw error;
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  ctx.notice('error', 'core.contained', { during, slot: ctx.slot, why });
  const r = s.replicas.get(ctx.slot);
  if (r === undefined) return;
  r.broken = true;
  markLost(r, ctx, `an unexpected error in ${during} stopped it (${firstLine(why)}); restart ${ctx.name}`);
}

/** An error while an event was handled. */
export function containEvent(s: NodeState, ctx: NodeContext, event: NodeEvent, error: unknown): void {
  if (event.kind === 'request' || (event.kind === 'peer' && event.message.kind === 'pass')) {
    // What a request can fail in comes before anything is changed for it: its slot goes on.
    ctx.slot = noSlot;
    contain(s, ctx, event.kind, error);
    const tag = event.kind === 'request' ? event.tag : s.askedTag;
    if (s.waiting.has(tag) || s.asked.has(tag)) ctx.reply(tag, internal(ctx, error));
    return;
  }
  if (event.kind === 'list') {
    ctx.slot = noSlot;
    contain(s, ctx, event.kind, error);
    return ctx.page(event.tag, internal(ctx, error));
  }
  const kind = event.kind === 'peer' || event.kind === 'coordinator' ? event.message.kind : event.kind;
  contain(s, ctx, kind, error);
  if (event.kind !== 'coordinator') return;
  // As if this set had not come: the coordinator repeats what is not held.
  s.control.set = s.control.held;
  s.control.paging = null;
}

const internal = (ctx: NodeContext, error: unknown) =>
  failure(
    'INTERNAL',
    `an unexpected error at ${ctx.name}: ${firstLine(error instanceof Error ? error.message : String(error))}; its log says more`,
  );

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
