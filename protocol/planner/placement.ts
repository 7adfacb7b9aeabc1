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

/** Answers for many slots with the same candidates; what depends on the candidates alone is computed once. */
export class Placement {
  readonly #candidates: readonly Candidate[];
  readonly #hashes: Uint32Array;
  readonly #scores: Float64Array;

  constructor(candidates: readonly Candidate[]) {
    // By name, so that equal scores fall alike whatever order the nodes came in.
    this.#candidates = [...candidates].sort((a, b) => (a.node < b.node ? -1 : 1));
    this.#hashes = Uint32Array.from(this.#candidates, (c) => murmur3(c.node));
    this.#scores = new Float64Array(this.#candidates.length);
  }

  /** The nodes that should hold `slot`, the most wanted first; fewer than `length` when there are not enough nodes. */
  of(slot: Slot, length: number): NodeName[] {
    this.#score(slot);
    const chosen: number[] = [];
    for (const apart of [differentZone, differentHost, anywhere])
      while (chosen.length < length) {
        const best = this.#best(chosen, apart);
        if (best < 0) break;
        chosen.push(best);
      }
    const scores = this.#scores;
    // In the order of the scores, so that the result does not depend on which rule let a node in.
    chosen.sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
    return chosen.map((i) => (this.#candidates[i] as Candidate).node);
  }

  #score(slot: Slot): void {
    const base = mix(slot + 1);
    for (let i = 0; i < this.#hashes.length; i++) {
      const hash = mix((this.#hashes[i] as number) ^ base);
      this.#scores[i] = -(this.#candidates[i] as Candidate).weight / Math.log((hash + 0.5) / 4294967296);
    }
  }

  /** The highest score among candidates that stand apart from all chosen ones; -1 = there is none. */
  #best(chosen: readonly number[], apart: (a: Candidate, b: Candidate) => boolean): number {
    let best = -1;
    let most = -1;
    for (let i = 0; i < this.#scores.length; i++) {
      const score = this.#scores[i] as number;
      if (score <= most || chosen.includes(i)) continue;
      const c = this.#candidates[i] as Candidate;
      if (!chosen.every((other) => apart(c, this.#candidates[other] as Candidate))) continue;
      best = i;
      most = score;
    }
    return best;
  }
}

const differentZone = (a: Candidate, b: Candidate): boolean => a.zone === '' || a.zone !== b.zone;
const differentHost = (a: Candidate, b: Candidate): boolean => a.host === '' || a.host !== b.host;
const anywhere = (): boolean => true;

/** The finalizer of MurmurHash3: every bit of the input changes about half of the output. */
function mix(n: number): number {
  let h = n | 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return h >>> 0;
}
