/** A new version of a chain: saved first, handed out when nobody whom it leaves out can still answer reads (R6). */
import type { ChainVersion } from '../words.ts';
import { acknowledgedLeaving, leaseUntil } from './nodes.ts';
import { changeChain } from './saving.ts';
import type { CoordinatorState, SavedChain, SavedMember } from './state.ts';

/** A new version. Leases of those it leaves out are denied from this moment on. */
export function issue(
  s: CoordinatorState,
  c: SavedChain,
  members: readonly SavedMember[],
  out: readonly SavedMember[],
  reason: string,
  joiner = c.joiner,
): boolean {
  const excluded = [...c.excluded, ...out.map(({ node, incarnation }) => ({ node, incarnation }))];
  const chain: SavedChain = {
    slot: c.slot,
    version: (c.version + 1) as ChainVersion,
    members,
    joiner,
    excluded,
    handedOut: false,
    reason,
  };
  changeChain(s, waitOver(s, chain) ? { ...chain, excluded: [], handedOut: true } : chain);
  return true;
}

/** Each left-out incarnation acknowledged a version without it, or its lease has run out by this leader's count (R6). */
const waitOver = (s: CoordinatorState, c: SavedChain): boolean =>
  c.excluded.every(
    (x) =>
      leaseUntil(s, x.node, x.incarnation, c.slot) <= s.now.mono ||
      acknowledgedLeaving(s, x.node, x.incarnation, c),
  );

export function handOut(s: CoordinatorState, c: SavedChain): boolean {
  if (c.handedOut || !waitOver(s, c)) return false;
  changeChain(s, { ...c, excluded: [], handedOut: true });
  return true;
}
