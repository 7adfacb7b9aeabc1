/** Which faults come when: drawn from the seed alone, so that a seed names one sequence for ever. */
import type { Random } from '../../sim/random.ts';

export type FaultKind =
  | 'kill'
  | 'kill two'
  | 'kill all'
  | 'kill coordinator'
  | 'suspend'
  | 'replace'
  | 'cut'
  | 'one way'
  | 'half open'
  | 'late'
  | 'narrow'
  | 'isolate'
  | 'full disk'
  | 'rolling restart'
  | 'scale out and in'
  | 'state deleted'
  | 'state rolled back';

export interface Fault {
  /** When it begins, in ms after the start of the load. */
  readonly at: number;
  readonly kind: FaultKind;
  /** Processes that it meets: nodes and coordinators by number, so that one sequence fits any cluster. */
  readonly first: number;
  readonly second: number;
  readonly ms: number;
  /** How much of it, 0 to 1: a delay, a bandwidth, how full. */
  readonly much: number;
}

/** How often each kind comes, and how long it lasts, in ms. */
const kinds: Readonly<Record<FaultKind, readonly [weight: number, from: number, to: number]>> = {
  kill: [5, 0, 2500],
  'kill two': [2, 0, 2000],
  'kill all': [1, 0, 1000],
  'kill coordinator': [2, 0, 4000],
  suspend: [4, 200, 3500],
  replace: [4, 0, 1500],
  cut: [3, 200, 3000],
  'one way': [3, 200, 3000],
  'half open': [2, 200, 3000],
  late: [4, 1000, 6000],
  narrow: [2, 1000, 5000],
  isolate: [2, 500, 3000],
  'full disk': [1, 2000, 8000],
  'rolling restart': [0.5, 0, 0],
  'scale out and in': [1, 2000, 6000],
  'state deleted': [0.6, 0, 2000],
  'state rolled back': [0.4, 0, 2000],
};

/** Mean time between two beginnings: they overlap, and the cluster still gets work done. */
export const meanGapMs = 2500;

export function planFaults(random: Random, lastsMs: number, only: readonly FaultKind[] = allKinds): Fault[] {
  const plan: Fault[] = [];
  for (let at = random.wait(meanGapMs); at < lastsMs; at += random.wait(meanGapMs)) {
    const kind = pickKind(random, only);
    const [, from, to] = kinds[kind];
    plan.push({
      at: Math.round(at),
      kind,
      first: random.int(1 << 20),
      second: random.int(1 << 20),
      ms: Math.round(random.between(from, to)),
      much: random.next(),
    });
  }
  return plan;
}

export const allKinds = Object.keys(kinds) as FaultKind[];

/** Every kind once, in a fixed order, as close together as a short run allows. */
export function planMix(random: Random, lastsMs: number, mix: readonly FaultKind[]): Fault[] {
  return planFaults(random, lastsMs)
    .slice(0, mix.length)
    .map((fault, i) => {
      const kind = mix[i] as FaultKind;
      const [, from, to] = kinds[kind];
      return {
        ...fault,
        kind,
        at: Math.round(((i + 0.5) * lastsMs) / mix.length),
        ms: Math.round((from + to) / 2),
      };
    });
}

function pickKind(random: Random, only: readonly FaultKind[]): FaultKind {
  const total = only.reduce((sum, kind) => sum + kinds[kind][0], 0);
  let left = random.next() * total;
  for (const kind of only) {
    left -= kinds[kind][0];
    if (left < 0) return kind;
  }
  return only[0] as FaultKind;
}
