/** What many runs come to. */
import { faultClasses } from './faults/classes.ts';
import { pairOf, situations } from './faults/pairs.ts';
import type { RunResult } from './run.ts';

/** One run without its trace, as a worker tells it. */
export interface SeedReport {
  readonly seed: number;
  readonly violation: RunResult['violation'];
  readonly excuse: string;
  readonly operations: number;
  readonly answered: number;
  readonly virtualMs: number;
  readonly events: number;
  readonly effective: readonly (readonly [string, number])[];
  readonly pairs: readonly string[];
  readonly hash: string;
  /** It was run twice and the hashes differ. */
  readonly diverged: boolean;
}

export interface Summary {
  seeds: number;
  operations: number;
  answered: number;
  virtualMs: number;
  events: number;
  readonly excused: SeedReport[];
  readonly failed: SeedReport[];
  /** By class: how often it took effect, and in how many seeds. */
  readonly faults: Map<string, { times: number; seeds: number }>;
  /** Seeds in which each pair of faults met, and each fault met a situation. */
  readonly pairs: Map<string, number>;
  /** Fewest faults that took effect in one seed, and the sum over all. */
  readonly perSeed: number[];
}

export const createSummary = (): Summary => ({
  seeds: 0,
  operations: 0,
  answered: 0,
  virtualMs: 0,
  events: 0,
  excused: [],
  failed: [],
  faults: new Map(),
  pairs: new Map(),
  perSeed: [],
});

export function addReport(s: Summary, r: SeedReport): void {
  s.seeds++;
  s.operations += r.operations;
  s.answered += r.answered;
  s.virtualMs += r.virtualMs;
  s.events += r.events;
  if (r.violation !== null || r.diverged) s.failed.push(r);
  if (r.excuse !== '') s.excused.push(r);
  let effects = 0;
  for (const [name, times] of r.effective) {
    const f = s.faults.get(name) ?? { times: 0, seeds: 0 };
    f.times += times;
    f.seeds++;
    s.faults.set(name, f);
    // Limits are part of the world, not faults.
    if (!/^(limit|world) /.test(name)) effects += times;
  }
  s.perSeed.push(effects);
  for (const pair of r.pairs) s.pairs.set(pair, (s.pairs.get(pair) ?? 0) + 1);
}

export function summaryLines(s: Summary, seconds: number, workers: number): string[] {
  const sorted = [...s.perSeed].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const enough = s.perSeed.filter((n) => n >= 10).length;
  const rows = [...s.faults].sort(([a], [b]) => (a < b ? -1 : 1));
  const width = Math.max(14, ...rows.map(([name]) => name.length));
  return [
    `${'fault'.padEnd(width)}  took effect  in seeds`,
    ...rows.map(
      ([name, { times, seeds }]) =>
        `${name.padEnd(width)}  ${count(times).padStart(11)}  ${percent(seeds, s.seeds).padStart(8)}`,
    ),
    '',
    ...situationLines(s),
    '',
    ...pairLines(s),
    '',
    `seeds          ${count(s.seeds)}, ${(s.seeds / seconds).toFixed(1)} a second on ${workers} worker${workers === 1 ? '' : 's'} (${seconds.toFixed(1)} s)`,
    `operations     ${count(s.operations)}, ${percent(s.answered, s.operations)} answered`,
    `virtual time   ${(s.virtualMs / 3_600_000).toFixed(2)} h, ${count(s.events)} events`,
    `faults         median ${median} effective in a seed; ${percent(enough, s.seeds)} of the seeds have 10 or more`,
    `excused        ${s.excused.length}${s.excused.length > 0 ? ` (a chain or a record provably beyond help: ${listed(s.excused)})` : ''}`,
    `violations     ${s.failed.length}`,
  ];
}

/** What failed, one paragraph a seed, with the command that replays it. */
export function failureLines(failed: readonly SeedReport[], commit: string): string[] {
  return [...failed]
    .sort((a, b) => a.seed - b.seed)
    .map((r) => {
      const { violation } = r;
      const what =
        violation === null
          ? 'two runs of the seed differ: something is not deterministic'
          : `${violation.rule}${violation.slot < 0 ? '' : ` slot ${violation.slot}`}: ${violation.message}`;
      return `seed ${r.seed}, commit ${commit}, replay: npm run sim -- --seed ${r.seed} --trace\n  ${what}`;
    });
}

/** Which faults met what a cluster does to become whole: seeds for each, the rarest ones first. */
function situationLines(s: Summary): string[] {
  const width = Math.max(...situations.map((name) => name.length));
  return situations.map((situation) => {
    const met = faultClasses
      .map((name) => ({ name, seeds: s.pairs.get(pairOf(situation, name)) ?? 0 }))
      .sort((a, b) => a.seeds - b.seeds);
    const all = met.filter(({ seeds }) => seeds > 0).length;
    const rare = met.slice(0, 4).map(({ name, seeds }) => `${name} ${count(seeds)}`);
    return `${situation.padEnd(width)}  met by ${all} of ${faultClasses.length} classes of faults; in fewest seeds: ${rare.join(', ')}`;
  });
}

/** How many of all pairs of classes of faults were there at the same time, and which were rare. */
function pairLines(s: Summary): string[] {
  const all = faultClasses.flatMap((a, i) => faultClasses.slice(i).map((b) => pairOf(a, b)));
  const met = all.map((pair) => ({ pair, seeds: s.pairs.get(pair) ?? 0 })).sort((a, b) => a.seeds - b.seeds);
  const some = met.filter(({ seeds }) => seeds > 0).length;
  const median = met[met.length >> 1]?.seeds ?? 0;
  const rare = met.slice(0, 6).map(({ pair, seeds }) => `${pair} ${count(seeds)}`);
  return [
    `pairs          ${some} of ${all.length} pairs of faults met, each in ${median} seeds (median); in fewest: ${rare.join(', ')}`,
  ];
}

const listed = (reports: readonly SeedReport[]): string =>
  reports
    .map((r) => r.seed)
    .sort((a, b) => a - b)
    .slice(0, 8)
    .join(', ');

export const count = (n: number): string => n.toLocaleString('en-US');
const percent = (part: number, whole: number): string =>
  whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
