/** The planted bugs from the command line: hunts them, two at a time, and prints what caught each. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { PlantedBug } from './bug.ts';
import { plantedBugs } from './bugs.ts';
import { type Catch, hunt, seedsMax } from './hunt.ts';

export interface ShowOptions {
  /** Only bugs whose name begins so. */
  readonly name: string;
  /** Budget of seeds for each bug; 0 = the usual one. */
  readonly seeds: number;
  readonly workers: number;
  /** Keeps the seeds that caught each bug for the test, which begins with them. */
  readonly save: boolean;
}

const knownFile = new URL('./known-seeds.json', import.meta.url);

/** Seeds that caught each bug when they were last saved. A hint where to begin, never a proof. */
export const knownSeeds = (): Record<string, number> =>
  JSON.parse(readFileSync(knownFile, 'utf8')) as Record<string, number>;

/** Prints the table. False when a bug was not caught, or none has such a name. */
export async function showPlanted(options: ShowOptions): Promise<boolean> {
  const bugs = plantedBugs.filter((b) => b.name.startsWith(options.name));
  const width = Math.max(...bugs.map((b) => b.name.length));
  console.log(
    `${'bug'.padEnd(width)}  ${'rule'.padEnd(4)}  ${'runs'.padEnd(9)}  ${'seeds'.padStart(5)}  caught by`,
  );
  const seeds = options.seeds === 0 ? seedsMax : options.seeds;
  const caught = new Map<string, Catch>();
  const queue = [...bugs];
  const one = async (): Promise<void> => {
    for (let b = queue.shift(); b !== undefined; b = queue.shift()) {
      const c = await hunt(b, { seeds });
      if (c !== null) caught.set(b.name, c);
      if (options.save) saveSeeds(caught);
      console.log(row(b, c, width, seeds));
    }
  };
  await Promise.all(Array.from({ length: options.workers }, one));
  const tried = [...caught.values()].map((c) => c.tried).sort((a, b) => a - b);
  console.log(
    `${caught.size} of ${bugs.length} caught, median ${tried[Math.floor(tried.length / 2)] ?? '-'} seeds`,
  );
  return bugs.length > 0 && caught.size === bugs.length;
}

function row(b: PlantedBug, c: Catch | null, width: number, seeds: number): string {
  const found = c === null ? `${'-'.padStart(5)}  NOT CAUGHT in ${seeds} seeds` : byWhat(c);
  return `${b.name.padEnd(width)}  ${b.rule.padEnd(4)}  ${b.profile.padEnd(9)}  ${found}`;
}

const byWhat = (c: Catch): string =>
  `${String(c.tried).padStart(5)}  ${c.check}: ${(c.message.split('\n')[0] ?? '').slice(0, 110)}`;

function saveSeeds(caught: ReadonlyMap<string, Catch>): void {
  const known = { ...knownSeeds() };
  for (const [name, c] of caught) known[name] = c.seed;
  const kept = plantedBugs.flatMap((b) => {
    const seed = known[b.name];
    return seed === undefined ? [] : [[b.name, seed] as const];
  });
  writeFileSync(knownFile, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
}
