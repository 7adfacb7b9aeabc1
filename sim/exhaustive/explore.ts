/** Visits every state of a scope, each once. */
import { hash } from 'node:crypto';
import { changedBy, type Move, make, movesOf } from './moves.ts';
import { judge, judgeEnd } from './rules.ts';
import { copyWorld, firstWorld, nameOf, type Scope, type Wired, type World, wireOf } from './world.ts';

interface Step {
  readonly move: Move;
  /** What it delivered. */
  readonly item: Wired | undefined;
  readonly before: Step | null;
  readonly depth: number;
}

export interface Found {
  readonly states: number;
  readonly steps: number;
  /** States in which nothing more could happen. */
  readonly ends: number;
  readonly depth: number;
  /** False: it stopped at `limit`. */
  readonly complete: boolean;
  /** The first broken rule with the moves that led there, null when all hold. */
  readonly broken: { readonly rule: string; readonly moves: readonly string[] } | null;
}

/**
 * Depth first, so that only one path and its side branches are in memory; a state is known again by a digest of its
 * name. `limit`: states after which it gives up.
 */
export function explore(
  scope: Scope,
  limit = Number.POSITIVE_INFINITY,
  onState?: (states: number) => void,
): Found {
  const first = firstWorld(scope);
  const known = new Set<string>([digest(first)]);
  const stack: { readonly world: World; readonly step: Step | null }[] = [{ world: first, step: null }];
  let steps = 0;
  let ends = 0;
  let depth = 0;
  const result = (broken: Found['broken']): Found => ({
    states: known.size,
    steps,
    ends,
    depth,
    complete: broken === null && stack.length === 0,
    broken,
  });
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { world, step } = next;
    const moves = movesOf(world, scope);
    if (moves.length === 0) {
      ends++;
      const rule = judgeEnd(world);
      if (rule !== '') return result({ rule, moves: movesTo(step) });
    }
    for (const move of moves) {
      const after = copyWorld(world, changedBy(move));
      const taken: Step = { move, item: itemOf(move, world), before: step, depth: (step?.depth ?? 0) + 1 };
      steps++;
      const rule = tryMove(after, scope, move);
      if (rule !== '') return result({ rule, moves: movesTo(taken) });
      const name = digest(after);
      if (known.has(name)) continue;
      known.add(name);
      depth = Math.max(depth, taken.depth);
      stack.push({ world: after, step: taken });
      onState?.(known.size);
      if (known.size >= limit) return result(null);
    }
  }
  return result(null);
}

/** A broken assertion of the replica code itself counts as a broken rule. */
function tryMove(w: World, scope: Scope, move: Move): string {
  try {
    return judge(w, scope, make(w, scope, move));
  } catch (error) {
    return `thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

const digest = (w: World): string => hash('sha1', nameOf(w), 'base64');

const itemOf = (move: Move, w: World): Wired | undefined =>
  'from' in move ? wireOf(w, move.from, move.to)[0] : undefined;

function movesTo(step: Step | null): string[] {
  const out: string[] = [];
  for (let s = step; s !== null; s = s.before) out.push(wordsOf(s));
  return out.reverse();
}

const processName = (i: number): string => String.fromCharCode(97 + i);

function wordsOf({ move, item }: Step): string {
  if (!('from' in move)) return `${move.kind} ${processName(move.at)}`;
  const wire = `${move.kind} ${processName(move.from)}>${processName(move.to)}`;
  if (move.kind !== 'deliver' || item === undefined) return wire;
  if (item.kind !== 'message') return `${wire} ${item.kind}`;
  const brief = (_: string, v: unknown): unknown => (v instanceof Uint8Array ? `${v.length} bytes` : v);
  return `${wire} ${JSON.stringify(item.message, brief)}`;
}
