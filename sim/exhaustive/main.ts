/**
 * Every interleaving of small scopes, from the command line (`npm run sim -- --exhaustive`): prints what was visited;
 * exit code 1 with the moves when a rule is broken.
 */
import { explore } from './explore.ts';
import type { Scope } from './world.ts';

const quiet = {
  writes: 1,
  crashes: 0,
  changes: 0,
  breaks: 0,
  reads: 0,
  leases: true,
  staleOrders: false,
};

/** From small to large. */
export const scopes: readonly Scope[] = [
  { ...quiet, members: 2, crashes: 1, changes: 1 },
  { ...quiet, members: 2, crashes: 1, changes: 1, staleOrders: true },
  { ...quiet, members: 2, crashes: 1, changes: 1, reads: 1, leases: false },
  { ...quiet, members: 2, writes: 2, crashes: 1, changes: 1 },
  { ...quiet, members: 3, changes: 1 },
  { ...quiet, members: 3, writes: 2, changes: 1 },
  { ...quiet, members: 3, crashes: 1, changes: 1 },
  { ...quiet, members: 3, writes: 2, crashes: 1, changes: 1 },
];

export const scopeWords = (s: Scope): string =>
  `${s.members} members, writes ${s.writes}, crashes ${s.crashes}, changes ${s.changes}, breaks ${s.breaks}, reads ${s.reads}, leases ${s.leases ? 'yes' : 'no'}, stale orders ${s.staleOrders ? 'yes' : 'no'}`;

/** Runs the scopes in order, each up to `limit` states. False when a rule is broken. */
export function exhaust(limit: number, tell: (line: string) => void, chosen = scopes): boolean {
  for (const scope of chosen) {
    const began = performance.now();
    let told = 0;
    const found = explore(scope, limit, (states) => {
      if (states - told < 100_000) return;
      told = states;
      tell(`  ${states} states so far`);
    });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const how = found.complete ? 'all visited' : 'NOT all visited';
    tell(
      `${scopeWords(scope)}: ${found.states} states, ${found.steps} steps, depth ${found.depth}, ${found.ends} ends, ${how}, ${seconds} s`,
    );
    if (found.broken === null) continue;
    tell(`${found.broken.rule}\n${found.broken.moves.map((m, i) => `${i + 1}. ${m}`).join('\n')}`);
    return false;
  }
  return true;
}
