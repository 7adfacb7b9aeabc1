/** Neighbours in a chain that can't reach each other though both are heard (4.9). */
import type { NodeName } from '../words.ts';
import { keepApart } from './damping.ts';
import { issue } from './issue.ts';
import type { CoordinatorState, SavedChain, SavedMember } from './state.ts';

/**
 * Both ends of a link are heard and can't reach each other for the dead threshold: one end goes, the one with more
 * broken links, else the later one (4.9, R25).
 */
export function cutBrokenLink(s: CoordinatorState, c: SavedChain): boolean {
  if (c.members.length < 2 || !c.handedOut) return false;
  for (let i = 0; i + 1 < c.members.length; i++) {
    const a = c.members[i] as SavedMember;
    const b = c.members[i + 1] as SavedMember;
    if (!linkBroken(s, a.node, b.node)) continue;
    const goer = brokenLinks(s, a.node) > brokenLinks(s, b.node) ? a : b;
    const rest = c.members.filter((m) => m !== goer);
    if (!rest.some((m) => m.whole)) continue;
    keepApart(s, a.node, b.node);
    return issue(s, c, rest, [goer], `${a.node} and ${b.node} can't reach each other; ${goer.node} goes`);
  }
  return false;
}

/** For the dead threshold, while both ends are heard: where one is falling silent its death explains the link. */
export const linkBroken = (s: CoordinatorState, a: NodeName, b: NodeName): boolean =>
  Math.max(downFor(s, a, b), downFor(s, b, a)) >= s.desired.timings.deadMs &&
  heardWell(s, a) &&
  heardWell(s, b);

function heardWell(s: CoordinatorState, node: NodeName): boolean {
  const h = s.heard.get(node);
  return h !== undefined && s.now.mono - h.at <= s.desired.timings.suspectMs;
}

/** For how long `a` could not reach `b` while both were there: the time that one of them was dead does not count. */
function downFor(s: CoordinatorState, a: NodeName, b: NodeName): number {
  const there = Math.max(s.heard.get(a)?.since ?? s.now.mono, s.heard.get(b)?.since ?? s.now.mono);
  return Math.min(s.heard.get(a)?.unreachable.get(b) ?? 0, s.now.mono - there);
}

function brokenLinks(s: CoordinatorState, node: NodeName): number {
  let n = s.heard.get(node)?.unreachable.size ?? 0;
  for (const h of s.heard.values()) if (h.unreachable.has(node)) n++;
  return n;
}
