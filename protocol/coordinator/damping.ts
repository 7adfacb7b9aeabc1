/**
 * What failed lately is not tried again at once (R47). Two nodes that could not reach each other are kept apart: neither
 * joins behind the other, and no order makes them neighbours, for a time that doubles with each failure. And a chain that
 * changed again and again is changed by plan only when it had some rest; whoever is gone is left out at any time.
 */
import type { NodeName, Slot } from '../words.ts';
import { type CoordinatorState, notice } from './state.ts';

const apartMsMin = 10_000;
const apartMsMax = 60_000;

/** So many versions of one chain within the window, and nothing more is planned for it. */
const changesMax = 24;
const changesWindowMs = 60_000;

const pairOf = (a: NodeName, b: NodeName): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

/** They could not reach each other while both were heard. */
export function keepApart(s: CoordinatorState, a: NodeName, b: NodeName): void {
  const now = s.now.mono;
  for (const [pair, { until }] of s.apart) if (now - until > apartMsMax) s.apart.delete(pair);
  const known = s.apart.get(pairOf(a, b));
  // Many chains meet the same broken link: one failure.
  if (known !== undefined && now < known.until) return;
  const forMs = Math.min(apartMsMax, (known?.forMs ?? apartMsMin / 2) * 2);
  s.apart.set(pairOf(a, b), { a, b, forMs, until: now + forMs });
  notice(s, 'warn', 'pair.apart', { nodes: [a, b], forMs });
}

/** Nodes that are kept apart from this one now. */
export function apartFrom(s: CoordinatorState, node: NodeName): NodeName[] {
  const out: NodeName[] = [];
  for (const { a, b, until } of s.apart.values()) {
    if (s.now.mono >= until) continue;
    if (a === node) out.push(b);
    if (b === node) out.push(a);
  }
  return out;
}

/** A version was saved. */
export function noteChange(s: CoordinatorState, slot: Slot): void {
  const lately = s.changes.get(slot) ?? [];
  s.changes.set(slot, [...lately, s.now.mono].slice(-changesMax));
}

/** How long nothing is planned for this chain, in ms; 0 = it may be changed now. */
export function restsFor(s: CoordinatorState, slot: Slot): number {
  const lately = s.changes.get(slot) ?? [];
  if (lately.length < changesMax) return 0;
  return Math.max(0, (lately[0] as number) + changesWindowMs - s.now.mono);
}

/** Nothing is planned for this chain now. */
export const damped = (s: CoordinatorState, slot: Slot): boolean => restsFor(s, slot) > 0;
