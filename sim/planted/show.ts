/** The planted bugs from the command line: hunts them, several at a time, and prints what caught each. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { PlantedBug } from './bug.ts';
import { plantedBugs } from './bugs.ts';
import { type Catch, huntFromKept } from './hunt.ts';

export interface ShowOptions {
  /** Only bugs whose name begins so. */
  readonly name: string;
  readonly workers: number;
  /** Keeps the seeds that caught each bug for the test, which begins with them. */
  readonly save: boolean;
}

const runsWidth = 14;
const knownFile = new URL('./known-seeds.json', import.meta.url);

/** Seeds that caught each bug when they were last saved. A hint where to begin, never a proof. */
export const knownSeeds = (): Record<string, number> =>
  JSON.parse(readFileSync(knownFile, 'utf8')) as Record<string, number>;

/** Prints the table. False when a bug was not caught, or none has such a name. */
export async function showPlanted(options: ShowOptions): Promise<boolean> {
  const bugs = plantedBugs.filter((b) => b.name.startsWith(options.name));
  const width = Math.max(...bugs.map((b) => b.name.length));
  console.log(
    `${'bug'.padEnd(width)}  ${'rule'.padEnd(4)}  ${'shows in'.padEnd(runsWidth)}  ${'seed'.padStart(5)}  caught by`,
  );
  const known = knownSeeds();
  const caught = new Map<string, Catch>();
  const queue = [...bugs];
  const one = async (): Promise<void> => {
    for (let b = queue.shift(); b !== undefined; b = queue.shift()) {
      const c = await huntFromKept(b, known[b.name]);
      if (c !== null) caught.set(b.name, c);
      if (options.save) saveSeeds(caught);
      console.log(row(b, c, width));
    }
  };
  await Promise.all(Array.from({ length: options.workers }, one));
  const seeds = [...caught.values()].flatMap((c) => c.seed ?? []).sort((x, y) => x - y);
  console.log(
    `${caught.size} of ${bugs.length} caught: ${seeds.length} in random runs, by seed ${seeds[Math.floor(seeds.length / 2)] ?? '-'} in the median, ${caught.size - seeds.length} in their stories`,
  );
  return bugs.length > 0 && caught.size === bugs.length;
}

function row(b: PlantedBug, c: Catch | null, width: number): string {
  const found = c === null ? `${'-'.padStart(5)}  NOT CAUGHT` : byWhat(c);
  return `${b.name.padEnd(width)}  ${b.rule.padEnd(4)}  ${shownIn(b).padEnd(runsWidth)}  ${found}`;
}

const shownIn = (b: PlantedBug): string => (typeof b.shows === 'string' ? b.shows : `story ${b.shows.story}`);

const byWhat = (c: Catch): string =>
  `${String(c.seed ?? '-').padStart(5)}  ${c.check}: ${(c.message.split('\n')[0] ?? '').slice(0, 110)}`;

function saveSeeds(caught: ReadonlyMap<string, Catch>): void {
  const known = { ...knownSeeds() };
  for (const [name, c] of caught) if (c.seed !== null) known[name] = c.seed;
  const kept = plantedBugs.flatMap((b) => {
    const seed = known[b.name];
    return seed === undefined || typeof b.shows !== 'string' ? [] : [[b.name, seed] as const];
  });
  writeFileSync(knownFile, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
}
