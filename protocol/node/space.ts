/**
 * Room on disk (rule 2.12). A node hears the level of its own disk from its driver and tells every peer; the head of a
 * chain takes no growth while the disk of any member is low, and no write at all while one is full. A node whose disk
 * is full asks the coordinator to be taken out of its chains, and counts as full until there is plenty again.
 */
import type { PeerMessage, SpaceLevel } from '../messages.ts';
import type { Replica, TightDisk } from '../replica/state.ts';
import type { NodeName } from '../words.ts';
import type { Notice } from './contract.ts';
import type { NodeState } from './state.ts';

/** Worse counts at once; better only after it held for so long, so that nothing flaps. */
export const settleMs = 10_000;
/** What a peer said last holds for so long; it says it again every second while it is short of room. */
const heardMs = 5000;

/** Where messages and events go. */
interface Outlet {
  sendPeer(to: NodeName, message: PeerMessage): void;
  notice(level: Notice['level'], name: string, fields: Record<string, unknown>): void;
}

const order: readonly SpaceLevel[] = ['ok', 'low', 'full'];
const worse = (a: SpaceLevel, b: SpaceLevel): boolean => order.indexOf(a) > order.indexOf(b);

/** The driver looked at the disk. */
export function onSpace(s: NodeState, ctx: Outlet, seen: SpaceLevel): void {
  const { space } = s;
  if (worse(seen, space.level)) return settle(s, ctx, seen);
  if (seen === space.level) space.better = null;
  // Of several better levels in a row the worst one held all the time.
  else if (space.better === null || worse(seen, space.better.level))
    space.better = { level: seen, since: space.better?.since ?? s.now.mono };
  if (space.better !== null && s.now.mono - space.better.since >= settleMs)
    settle(s, ctx, space.better.level);
}

function settle(s: NodeState, ctx: Outlet, level: SpaceLevel): void {
  const { space } = s;
  ctx.notice(level === 'ok' ? 'info' : 'error', 'space.changed', { from: space.level, level });
  space.level = level;
  space.better = null;
  if (level === 'full') space.out = true;
  if (level === 'ok') space.out = false;
  s.control.urgent = true;
  tellSpace(s, ctx);
}

/** What the coordinator is told: a disk that was full is full until there is plenty again. */
export const reportedSpace = ({ space }: NodeState): SpaceLevel => (space.out ? 'full' : space.level);

/** Tells all peers, or the one whose link just came up. */
export function tellSpace(s: NodeState, ctx: Outlet, only?: NodeName): void {
  const { level } = s.space;
  for (const [peer, link] of s.links)
    if (link.up && (only === undefined || peer === only)) ctx.sendPeer(peer, { kind: 'space', level });
}

/** Called every second: a message may have been lost, and what is not repeated is forgotten. */
export function repeatSpace(s: NodeState, ctx: Outlet): void {
  if (s.space.level !== 'ok') tellSpace(s, ctx);
  for (const [peer, { at }] of s.space.peers) if (s.now.mono - at > heardMs) s.space.peers.delete(peer);
}

export function onPeerSpace(s: NodeState, from: NodeName, level: SpaceLevel): void {
  if (level === 'ok') s.space.peers.delete(from);
  else s.space.peers.set(from, { level, at: s.now.mono });
}

/** The member of the chain with the least room, this node included; null when all have enough. */
export function tightestOf(s: NodeState, r: Replica): TightDisk | null {
  let tightest: TightDisk | null =
    s.space.level === 'ok' ? null : { node: s.config.name, level: s.space.level };
  if (s.space.peers.size === 0) return tightest;
  for (const { node } of r.assignment?.members ?? []) {
    const told = s.space.peers.get(node);
    if (told === undefined || s.now.mono - told.at > heardMs) continue;
    if (tightest === null || worse(told.level, tightest.level)) tightest = { node, level: told.level };
  }
  return tightest;
}
