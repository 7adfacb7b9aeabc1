/**
 * Which nodes should hold a slot: weighted rendezvous hashing (Thaler and Ravishankar 1998, with the logarithmic
 * method for weights), so that a node that comes or goes moves only its own share; at most one replica of a chain in
 * a zone while there are enough zones, then at most one on a host.
 */
import { murmur3 } from '../slots.ts';
import type { NodeName, Slot } from '../words.ts';

export interface Candidate {
  readonly node: NodeName;
  readonly zone: string;
  readonly host: string;
  readonly weight: number;
}

/** The nodes that should hold `slot`, the most wanted first; fewer than `length` when there are not enough nodes. */
export function placeSlot(slot: Slot, candidates: readonly Candidate[], length: number): NodeName[] {
  const ranked = candidates
    .map((c) => ({ c, score: score(slot, c) }))
    .sort((a, b) => b.score - a.score || (a.c.node < b.c.node ? -1 : 1))
    .map((x) => x.c);
  const chosen: Candidate[] = [];
  for (const apart of [differentZone, differentHost, anywhere]) {
    for (const c of ranked) {
      if (chosen.length >= length) break;
      if (!chosen.includes(c) && chosen.every((other) => apart(c, other))) chosen.push(c);
    }
  }
  // In the order of the ranking, so that the result does not depend on which rule let a node in.
  return ranked.filter((c) => chosen.includes(c)).map((c) => c.node);
}

const differentZone = (a: Candidate, b: Candidate): boolean => a.zone === '' || a.zone !== b.zone;
const differentHost = (a: Candidate, b: Candidate): boolean => a.host === '' || a.host !== b.host;
const anywhere = (): boolean => true;

function score(slot: Slot, c: Candidate): number {
  const hash = murmur3(`${slot}/${c.node}`);
  return -c.weight / Math.log((hash + 0.5) / 4294967296);
}
