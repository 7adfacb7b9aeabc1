/**
 * Who is alive, as far as this leader heard: healthy, suspect, dead, flapping (section 6). Silence counts
 * only while the leader itself ran.
 */
import { hearingMs } from '../timings.ts';
import type { NodeName } from '../words.ts';
import { type CoordinatorState, type Lived, notice, type SavedNode } from './state.ts';

export type NodeStatus = 'healthy' | 'suspect' | 'dead' | 'flapping' | 'failed' | 'left';

export const isDown = (status: NodeStatus): boolean =>
  status === 'dead' || status === 'failed' || status === 'left';

/** Deaths within this time make a node flap; it gets no new replicas for as long. */
const flapWindowMs = 60_000;
export const flapDeaths = 4;

export function statusOf(s: CoordinatorState, n: SavedNode): NodeStatus {
  const h = s.heard.get(n.node);
  const t = s.desired.timings;
  const isHeard = h?.incarnation === n.incarnation;
  // From takeover on: what nobody could hear before does not count as silence (R24), and it begins to count when the
  // node had its full chance to be heard (R46).
  const silence = s.now.mono - (isHeard ? h.at : s.takeoverAt);
  if (isHeard && h.gone) return 'left';
  if (isHeard && h.failed !== '') return 'failed';
  if (silence > (isHeard ? t.deadMs : Math.max(t.deadMs, hearingMs(t)))) return 'dead';
  if (silence > s.desired.timings.suspectMs) return 'suspect';
  return flapping(s, n.node) ? 'flapping' : 'healthy';
}

export function livedOf(s: CoordinatorState, node: NodeName): Lived {
  let l = s.lived.get(node);
  if (l === undefined) {
    l = { deaths: [], deadSince: null };
    s.lived.set(node, l);
  }
  return l;
}

function flapping(s: CoordinatorState, node: NodeName): boolean {
  const deaths = s.lived.get(node)?.deaths ?? [];
  return (
    deaths.length >= flapDeaths && deaths.filter((at) => s.now.mono - at < flapWindowMs).length >= flapDeaths
  );
}

/** How long a flapping node gets no new replicas, if it does not go down again, in ms. */
export function heldBackFor(s: CoordinatorState, node: NodeName): number {
  const deaths = s.lived.get(node)?.deaths ?? [];
  const last = deaths[deaths.length - flapDeaths];
  return last === undefined ? 0 : Math.max(0, last + flapWindowMs - s.now.mono);
}

/** Notes deaths and returns; called with every look at the cluster. */
export function watchNodes(s: CoordinatorState): void {
  for (const n of s.work?.nodes ?? []) {
    const status = statusOf(s, n);
    const l = livedOf(s, n.node);
    const down = isDown(status);
    if (down && l.deadSince === null) {
      l.deadSince = s.now.mono;
      if (status === 'dead')
        l.deaths = [...l.deaths.filter((at) => s.now.mono - at < flapWindowMs), s.now.mono];
      notice(s, 'warn', 'node.down', { node: n.node, status });
    } else if (!down && l.deadSince !== null) {
      l.deadSince = null;
      notice(s, 'info', 'node.up', { node: n.node });
    }
  }
}

/** A leader that stood still heard nobody because it did not listen: its own silence is not theirs (R24). */
export function forgiveStall(s: CoordinatorState): void {
  const gap = s.now.mono - s.tickAt;
  s.tickAt = s.now.mono;
  if (gap <= s.desired.timings.suspectMs / 2) return;
  for (const h of s.heard.values()) h.at += gap;
  s.takeoverAt += gap;
}

/**
 * The mass-failure guard: when more than half of the nodes vanish within one window the leader suspects itself first.
 * A delay, not a veto: it ends after three windows in which it saved its state and heard others, or at once when all
 * who are heard report the silent ones unreachable (R24). True: nobody may be left out now.
 */
export function guarded(s: CoordinatorState): boolean {
  const nodes = (s.work?.nodes ?? []).filter((n) => {
    const status = statusOf(s, n);
    return status !== 'left' && inChains(s, n);
  });
  const silent = nodes.filter((n) => statusOf(s, n) === 'dead');
  if (silent.length * 2 <= nodes.length) {
    s.massSince = null;
    return false;
  }
  const heard = nodes.filter((n) => statusOf(s, n) !== 'dead');
  if (heard.length === 0) return true;
  if (heard.every((h) => silent.every((x) => s.heard.get(h.node)?.unreachable.has(x.node) === true)))
    return false;
  s.massSince ??= s.now.mono;
  const windows = (s.now.mono - s.massSince) / s.desired.timings.deadMs;
  if (windows < 3) return true;
  if (s.savedAt > s.massSince) return false;
  s.proveStore = true;
  return true;
}

const inChains = (s: CoordinatorState, n: SavedNode): boolean =>
  (s.work?.chains ?? []).some((c) => c.members.some((m) => m.node === n.node));
