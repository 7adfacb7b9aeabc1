/** What nodes and chains wait for now, in words for people. Nothing is decided by it. */
import type { NodeName } from '../words.ts';
import { restsFor } from './damping.ts';
import { flapDeaths, heldBackFor, isDown, statusOf } from './liveness.ts';
import { type CoordinatorState, nodeOf, type SavedChain, type SavedNode } from './state.ts';

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`;

/** Why a node takes no part, or no new one, and what ends that; '' = its status says it. */
export function whyNode(s: CoordinatorState, n: SavedNode): string {
  switch (statusOf(s, n)) {
    case 'flapping':
      return `it went down ${flapDeaths} times within a minute: it gets no new replicas for ${seconds(heldBackFor(s, n.node))}; its log says why it ended`;
    case 'left':
      return 'it was stopped and said goodbye; start it again, or drain it to be rid of it';
    case 'dead':
      return s.heard.get(n.node)?.incarnation === n.incarnation
        ? ''
        : 'not heard since this coordinator leads; start it, or look at its log';
    case 'failed':
    case 'healthy':
    case 'suspect':
      return '';
  }
}

/** What a chain that is not full waits for; '' = nothing is in its way, and its last change says what goes on. */
export function whyChain(s: CoordinatorState, c: SavedChain): string {
  const silent = c.members.flatMap((m) => silence(s, m.node, m.store));
  if (silent.length > 0)
    return `${silent.join(', ')}${silent.length === c.members.length ? '; nobody else has what they hold' : ''}`;
  const rests = restsFor(s, c.slot);
  if (rests > 0)
    return `it changed too often within a minute, and is changed by plan again in ${seconds(rests)}`;
  if (c.joiner !== null || c.members.length >= s.desired.replicationFactor) return '';
  const others = (s.saved?.nodes ?? []).filter((n) => !c.members.some((m) => m.node === n.node));
  const notNow = others.flatMap((n) => outOfUse(s, n));
  return notNow.length < others.length ? '' : notNow.join(', ');
}

/** A member that the chain cannot count on, and why. */
function silence(s: CoordinatorState, node: NodeName, store: string): string[] {
  const n = nodeOf(s.saved, node);
  if (n === undefined) return [`${node} is unknown`];
  if (n.store !== store) return [`${node} came back with another store than the one that is a member`];
  const status = statusOf(s, n);
  return isDown(status) ? [`${node} is ${said(status)}`] : [];
}

function outOfUse(s: CoordinatorState, n: SavedNode): string[] {
  const status = statusOf(s, n);
  if (isDown(status)) return [`${n.node} is ${said(status)}`];
  if (status === 'flapping')
    return [
      `${n.node} is held back for ${seconds(heldBackFor(s, n.node))}: it went down ${flapDeaths} times within a minute`,
    ];
  const leaves = n.drain || s.desired.drain.includes(n.node) || s.heard.get(n.node)?.leaving === true;
  return leaves ? [`${n.node} is drained`] : [];
}

const said = (status: string): string =>
  status === 'failed' ? 'without a store, which failed' : status === 'left' ? 'stopped' : status;
