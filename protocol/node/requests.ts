/**
 * Client requests at a node: the one that can answer does; any other passes the request on once (P40), and tells its
 * caller what that one said. A passed request is never passed again.
 */

import type { Limits } from '../limits.ts';
import { unpin } from '../replica/pins.ts';
import { canRead, read } from '../replica/reading.ts';
import { isHead, type Replica } from '../replica/state.ts';
import { storeFailed, write } from '../replica/writing.ts';
import { failure } from '../replies.ts';
import type { Condition, ReadRequest, Reply, Request, WriteRequest } from '../requests.ts';
import { slotOf } from '../slots.ts';
import type { Assignment, NodeName, Slot } from '../words.ts';
import type { NodeContext } from './context.ts';
import { foreign } from './foreign.ts';
import type { NodeState } from './state.ts';

/** How long a request may wait inside a node, whatever its deadline says. */
const patienceMs = 10_000;

/** A request of one of this node's own callers. */
export function onRequest(s: NodeState, ctx: NodeContext, tag: number, q: Request): void {
  const fault = foreign(s) ?? crowded(s, ctx, q);
  if (fault !== null) return ctx.reply(tag, fault);
  const bytes = bytesOf(q);
  s.waiting.set(tag, bytes);
  s.waitingBytes += bytes;
  begin(s, ctx, tag, q);
}

const bytesOf = (q: Request): number => q.key.length + (q.op === 'get' ? 0 : q.value.length);

/** Refuses what would be one too many, before anything is done for it. */
function crowded(s: NodeState, ctx: NodeContext, q: Request): Reply | null {
  const { waitingRequests, waitingBytes } = ctx.limits;
  const count = s.waiting.size + s.asked.size;
  if (count >= waitingRequests)
    return failure('OVERLOADED', `${count} requests wait at ${ctx.name} already; ask again later`);
  if (count > 0 && s.waitingBytes + bytesOf(q) > waitingBytes)
    return failure('OVERLOADED', `requests of ${s.waitingBytes} bytes wait at ${ctx.name}; ask again later`);
  return null;
}

function begin(s: NodeState, ctx: NodeContext, tag: number, q: Request): void {
  const fault = faultOf(q, ctx.limits);
  if (fault !== null) return ctx.reply(tag, fault);
  const slot = slotOf(q.key, s.config.slots);
  const r = s.replicas.get(slot);
  ctx.slot = slot;
  const until = s.now.mono + Math.min(q.deadlineMs, patienceMs);
  if (q.op === 'get') {
    if (r !== undefined && answersReads(r, q)) return read(r, ctx, tag, q, until);
    const to = q.passOn ? pickReader(s, slot) : null;
    return to === null ? ctx.reply(tag, notHere(s, ctx, slot, q, r)) : pass(s, ctx, tag, q, to, until);
  }
  if (r !== undefined && isHead(r) && r.installing === null) return write(r, ctx, tag, q, until);
  const head = routeOf(s, slot)?.members[0];
  if (q.passOn && head !== undefined && head.node !== s.config.name && s.links.get(head.node)?.up === true)
    return pass(s, ctx, tag, q, head.node, until);
  ctx.reply(tag, notHere(s, ctx, slot, q, r));
}

function answersReads(r: Replica, q: ReadRequest): boolean {
  if (r.installing !== null || r.role !== 'member' || !r.complete) return false;
  return q.level === 'eventual' || q.level === 'session' ? true : canRead(r);
}

/** The newest chain of a slot that this node knows. */
export function routeOf(s: NodeState, slot: Slot): Assignment | undefined {
  const own = s.replicas.get(slot);
  const mine = own?.installing ?? own?.assignment ?? undefined;
  const told = s.routes.get(slot);
  if (mine === undefined || told === undefined) return told ?? mine;
  return mine.version >= told.version ? mine : told;
}

/** Members in turn, those with a link. */
function pickReader(s: NodeState, slot: Slot): NodeName | null {
  const members = routeOf(s, slot)?.members ?? [];
  const able = members.filter((m) => m.node !== s.config.name && s.links.get(m.node)?.up === true);
  s.turn++;
  return able.length === 0 ? null : (able[s.turn % able.length] as { node: NodeName }).node;
}

function notHere(s: NodeState, ctx: NodeContext, slot: Slot, q: Request, r: Replica | undefined): Reply {
  const route = routeOf(s, slot) ?? null;
  const head = route?.members[0]?.node ?? 'nobody yet';
  if (route === null)
    return failure(
      'NOT_READY',
      `slot ${slot} has no chain yet; wait until the cluster is ready and ask again`,
    );
  // What a failed store does not take down is never installed.
  if (r?.installing && ctx.failed) return storeFailed(ctx, q);
  if (r?.installing)
    return failure('NOT_READY', `the chain of slot ${slot} is changing; ask again`, { route });
  // Named by the newest chain and not acting in it, as after a start: nobody else could answer better.
  if (head === s.config.name && q.op !== 'get')
    return failure('NOT_READY', `${head} is about to lead the chain of slot ${slot}; ask again`, { route });
  if (q.op !== 'get')
    return failure('NOT_HEAD', `${s.config.name} is not the head of slot ${slot}; ${head} is`, { route });
  const others = route.members.map((m) => m.node).filter((node) => node !== s.config.name);
  const whom = others.length === 0 ? 'it is the only member: ask again' : `ask ${others.join(', ')}`;
  return failure('NOT_MEMBER', `${s.config.name} does not serve slot ${slot} now; ${whom}`, { route });
}

function pass(s: NodeState, ctx: NodeContext, tag: number, q: Request, to: NodeName, until: number): void {
  const { size } = s.passed;
  if (size >= ctx.limits.passedRequests)
    return ctx.reply(
      tag,
      failure('OVERLOADED', `${ctx.name} waits for the answers of other nodes to ${size} requests already`, {
        route: routeOf(s, slotOf(q.key, s.config.slots)) ?? null,
      }),
    );
  s.passId++;
  s.passed.set(s.passId, { tag, to, until, write: q.op !== 'get' });
  ctx.sendPeer(to, {
    kind: 'pass',
    id: s.passId,
    request: { ...q, passOn: false, deadlineMs: Math.ceil(until - s.now.mono) },
  });
}

export function onPass(s: NodeState, ctx: NodeContext, from: NodeName, id: number, request: Request): void {
  const fault = foreign(s) ?? crowded(s, ctx, request);
  if (fault !== null) return ctx.sendPeer(from, { kind: 'passed', id, reply: fault });
  s.askedTag--;
  const bytes = bytesOf(request);
  s.asked.set(s.askedTag, { to: from, id, bytes });
  s.waitingBytes += bytes;
  begin(s, ctx, s.askedTag, { ...request, passOn: false });
}

export function onPassed(s: NodeState, ctx: NodeContext, from: NodeName, id: number, reply: Reply): void {
  const p = s.passed.get(id);
  if (p?.to !== from) return;
  s.passed.delete(id);
  ctx.reply(p.tag, reply);
}

/** Answers what was passed to a node that is gone, or that says nothing. A write may have been taken (2.10). */
export function failPassed(s: NodeState, ctx: NodeContext, gone: NodeName | null): void {
  for (const [id, p] of s.passed) {
    if (gone === null ? p.until > s.now.mono : p.to !== gone) continue;
    s.passed.delete(id);
    ctx.reply(
      p.tag,
      p.write
        ? failure('AMBIGUOUS', `${p.to} did not answer; retry under the same request number`)
        : failure('UNAVAILABLE', `${p.to} did not answer; ask another member`),
    );
  }
}

/** Answers requests whose value the store does not bring: nothing was ordered for them. */
export function failFetches(s: NodeState, ctx: NodeContext): void {
  for (const [id, f] of s.fetches) {
    if ((f.kind !== 'read' && f.kind !== 'write') || f.until > s.now.mono) continue;
    s.fetches.delete(id);
    const r = s.replicas.get(f.slot);
    if (f.kind === 'write' && r !== undefined) unpin(r, f.pin);
    const why = `the store of ${ctx.name} did not bring the value in time; ask again, or another member`;
    ctx.reply(f.tag, failure('UNAVAILABLE', why));
  }
}

/** What is wrong with a request, whoever sent it; null when nothing is. */
export function faultOf(q: Request, limits: Limits): Reply | null {
  if (q.key.length === 0) return failure('KEY_EMPTY', 'the key is empty; keys have 1 to 1024 bytes');
  if (q.key.length > limits.keyBytes)
    return failure(
      'KEY_TOO_LONG',
      `the key has ${q.key.length} bytes; at most ${limits.keyBytes} are allowed`,
    );
  if (!(q.deadlineMs > 0))
    return failure('DEADLINE_PAST', 'the deadline had passed when the request arrived; nothing was done');
  return q.op === 'get' ? readFault(q) : writeFault(q, limits);
}

function readFault(q: ReadRequest): Reply | null {
  if (q.level === 'bounded' && !(q.boundMs > 0))
    return failure('BAD_REQUEST', 'a bounded read needs boundMs above 0');
  return null;
}

function writeFault(q: WriteRequest, limits: Limits): Reply | null {
  if (q.value.length > limits.valueBytes)
    return failure(
      'VALUE_TOO_LARGE',
      `the value has ${q.value.length} bytes; at most ${limits.valueBytes} are allowed`,
    );
  if (q.conditions.length > limits.conditions)
    return failure(
      'BAD_REQUEST',
      `${q.conditions.length} conditions; at most ${limits.conditions} are allowed`,
    );
  const bad = q.conditions.find((c) => !conditionMakesSense(c));
  if (bad !== undefined)
    return failure(
      'BAD_REQUEST',
      `condition ${bad.field} ${bad.operator} ${bad.value}: the value must be a whole number from 0${bad.field === 'exists' ? ' to 1' : ''}`,
    );
  if (
    !Number.isSafeInteger(q.client) ||
    q.client <= 0 ||
    !Number.isSafeInteger(q.number) ||
    q.number <= 0 ||
    q.number >= 2 ** 48
  )
    return failure('BAD_REQUEST', 'a write needs a client id and a request number, whole numbers from 1');
  if (q.floor < 1 || q.floor > q.number || q.number - q.floor > limits.sessionWindow)
    return failure(
      'BAD_REQUEST',
      `the session floor must lie within ${limits.sessionWindow} below the request number`,
    );
  if (q.op === 'add' && (q.delta >= 2n ** 63n || q.delta < -(2n ** 63n)))
    return failure('BAD_REQUEST', 'delta must be a signed 64-bit number');
  return null;
}

const conditionMakesSense = (c: Condition): boolean =>
  Number.isSafeInteger(c.value) && c.value >= 0 && (c.field !== 'exists' || c.value <= 1);
