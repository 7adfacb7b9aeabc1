/** The benchmark: `npm run bench -- [SET] [options]`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './measure/machine.ts';
import { compareWithBaseline } from './report/baseline.ts';
import { writeHtml } from './report/html.ts';
import { type Report, writeReport } from './report/report.ts';
import { formatSection, formatTable } from './report/table.ts';
import type { Bench, Findings } from './sets/bench.ts';
import { type Defaults, type MeasuringSet, sets, UsageError } from './sets/sets.ts';

const usage = `Usage: npm run bench -- [SET] [options]

Sets:
${Object.entries(sets)
  .map(([name, set]) => `  ${`${name} ${set.argument}`.trim().padEnd(20)} ${set.what}`)
  .join('\n')}

Options:
  --runs N            rounds; the median counts
  --seconds N         length of each measurement
  --warmup SECONDS    before each measurement
  --seed N            of keys, values and arrival times               [1]
  --retries N         repetitions of what other programs disturbed    [0]
  --client KIND       links, library or grpc                          [links]
  --processes N       load generators for this store                  [1]
  --data DIR          where the systems under test keep their data    [a temporary folder]
  --out DIR           where report.json and report.html go            [.results/bench]
  --baseline FILE     compare with this report.json; fail when slower beyond noise`;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
process.exit();

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const [name = 'quick', ...rest] = positionals;
  const set: MeasuringSet | undefined = sets[name];
  if (set === undefined) throw new UsageError(`there is no set "${name}"`);
  if ((set.argument === '') !== (rest.length === 0))
    throw new UsageError(`${name} takes ${set.argument || 'no argument'}`);
  const folder = values.data ?? mkdtempSync(join(tmpdir(), 'chaincluster-bench-'));
  mkdirSync(folder, { recursive: true });
  const bench = benchOf(values, folder, set.defaults);
  const machine = describeMachine(folder);
  let findings: Findings;
  try {
    findings = await set.run(bench, rest);
  } finally {
    if (values.data === undefined) rmSync(folder, { recursive: true, force: true });
  }
  return finish(
    { command: ['npm run bench --', ...args].join(' '), machine, method: methodOf(bench) },
    findings,
    values,
  );
}

type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', default: false },
        runs: { type: 'string' },
        seconds: { type: 'string' },
        warmup: { type: 'string' },
        seed: { type: 'string', default: '1' },
        retries: { type: 'string', default: '0' },
        client: { type: 'string', default: 'links' },
        processes: { type: 'string', default: '1' },
        data: { type: 'string' },
        out: { type: 'string', default: '.results/bench' },
        baseline: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function benchOf(values: Values, folder: string, defaults: Defaults): Bench {
  const { client } = values;
  if (client !== 'links' && client !== 'library' && client !== 'grpc')
    throw new UsageError(`--client is "${client}"; it must be links, library or grpc`);
  return {
    folder,
    runs: numberOf('--runs', values.runs, defaults.runs),
    windowMs: 1000 * numberOf('--seconds', values.seconds, defaults.seconds),
    warmupMs: 1000 * numberOf('--warmup', values.warmup, defaults.warmup),
    seed: numberOf('--seed', values.seed, 1),
    retries: numberOf('--retries', values.retries, 0),
    generator: { client, processes: numberOf('--processes', values.processes, 1) },
    say: (what) => console.error(what),
  };
}

function numberOf(option: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(`${option} is "${text}"; it must be a number from 0`);
}

/** Prints, writes and judges; the exit code. */
function finish(
  about: Pick<Report, 'command' | 'machine' | 'method'>,
  findings: Findings,
  values: Values,
): number {
  const { cells, sections, targets } = findings;
  const plain: Report = { format: 1, made: new Date().toISOString(), ...about, sections, cells, targets };
  const comparison = values.baseline === undefined ? null : compareWithBaseline(values.baseline, plain);
  const report =
    comparison === null ? plain : { ...plain, sections: [...plain.sections, comparison.section] };
  for (const section of report.sections) console.log(formatSection(section));
  if (report.targets.length > 0) console.log(`\n${formatTable(targetTable(report))}`);
  mkdirSync(values.out, { recursive: true });
  writeReport(join(values.out, 'report.json'), report);
  writeHtml(join(values.out, 'report.html'), report);
  const pictures = report.sections.flatMap((section) => section.pictures ?? []);
  for (const { file, svg } of pictures) writeFileSync(join(values.out, file), svg);
  const written = ['report.json', 'report.html', ...pictures.map(({ file }) => file)];
  console.log(`\nWritten: ${written.map((f) => relative('', join(values.out, f))).join(', ')}`);
  for (const regression of comparison?.regressions ?? []) console.error(`slower: ${regression}`);
  const failed = (comparison?.regressions.length ?? 0) > 0 || (findings.failed ?? false);
  return failed ? 1 : 0;
}

function methodOf(bench: Bench): string[] {
  return [
    `${bench.runs} rounds of ${bench.windowMs / 1000} s after ${bench.warmupMs / 1000} s, seed ${bench.seed}; medians of rounds`,
    'Servers, load generator and this program share the machine. Only one system runs at a time.',
  ];
}

function targetTable({ targets }: Report) {
  const verdict = (holds: boolean | null): string =>
    holds === null ? 'not measured' : holds ? 'holds' : 'MISSED';
  return {
    head: ['target', 'wanted', 'got', ''],
    rows: targets.map((t) => [t.what, t.wanted, t.got, verdict(t.holds)]),
  };
}
