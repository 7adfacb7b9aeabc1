/** `npm run torture -- --minutes N [--seed S]`: exits with 1 when a promise was broken, with 2 when the run is void. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { LocalError } from '../local/local-error.ts';
import { positive, whole } from '../sim/arguments.ts';
import { createRandom } from '../sim/random.ts';
import { planFaults } from './faults/plan.ts';
import { joins } from './modes/joins.ts';
import { kills } from './modes/kills.ts';
import { overload } from './modes/overload.ts';
import { tableOf } from './report/table.ts';
import type { RigPlan } from './rig/layout.ts';
import { Rig } from './rig/rig.ts';
import { acknowledgedPerSecondMin, clean, torture } from './torture.ts';

interface Options {
  readonly minutes: number;
  readonly seed?: number;
  readonly durability: 'fsync' | 'os';
  readonly rate: number;
  readonly folder?: string;
  readonly port: number;
  readonly joins?: number;
  readonly keys: number;
  readonly kills?: number;
  readonly overload?: number;
}

const values = new Command('npm run torture --')
  .description(
    'Runs a cluster of real processes under load and random faults, then compares all of its members. A failing run keeps its folder: data, logs, history and this output.',
  )
  .option('--minutes <n>', 'how long faults go on', positive, 1)
  .option('--seed <n>', 'names the sequence of faults (default: a random one, which is printed)', whole())
  .addOption(new Option('--durability <d>').choices(['fsync', 'os']).default('fsync'))
  .option('--rate <n>', 'operations a second when all is well', positive, 600)
  .option(
    '--folder <dir>',
    "where data and logs are kept (default: a new one in the system's folder for such)",
  )
  .option('--port <n>', 'lowest port', whole(1), 17_000)
  .optionsGroup('Instead of random faults:')
  .option('--joins <n>', 'replaces a node so often under 64 writers', whole(1))
  .option('--keys <n>', 'that a join copies, of 1 KB each', whole(1), 40_000)
  .option('--kills <n>', 'kills all processes at once so often under load', whole(1))
  .option('--overload <seconds>', 'ten times too much load for so long', positive)
  .addHelpText('after', '\nExample: npm run torture -- --minutes 10 --seed 7')
  .parse()
  .opts<Options>();

const seed = values.seed ?? Math.floor(Math.random() * 2 ** 31);
const folder = values.folder ?? join(tmpdir(), `chaincluster-torture-${seed}-${process.pid}`);
const said: string[] = [];
const tell = (line: string): void => {
  said.push(line);
  console.log(line);
};
const plan: RigPlan = {
  folder,
  basePort: values.port,
  nodes: values.joins === undefined ? 4 : 3,
  places: 5,
  coordinators: 3,
  slots: 16,
  durability: values.durability,
};
const words = process.argv.slice(2).filter((word, i, all) => word !== '--seed' && all[i - 1] !== '--seed');

tell(`torture ${words.join(' ')}, seed ${seed}; data and logs in ${folder}`);
mkdirSync(folder, { recursive: true });
const { wrong, isVoid } = await run().catch((error: unknown) => {
  if (!(error instanceof LocalError)) throw error;
  return { wrong: [error.message], isVoid: true };
});
process.exitCode = wrong.length > 0 ? 1 : isVoid ? 2 : 0;
if (process.exitCode === 0) {
  await clean(folder);
  tell('0 lost, 0 wrong');
} else {
  for (const sentence of wrong.slice(0, 20)) tell(`! ${sentence}`);
  if (isVoid)
    tell(`void: fewer than ${acknowledgedPerSecondMin} acknowledged operations a second say nothing`);
  tell(
    `everything of this run is in ${folder}; the same again: npm run torture -- ${words.join(' ')} --seed ${seed}`,
  );
  writeFileSync(join(folder, 'torture.log'), `${said.join('\n')}\n`);
}

interface Verdict {
  readonly wrong: readonly string[];
  readonly isVoid: boolean;
}

async function run(): Promise<Verdict> {
  const { joins: replaced, kills: killed, overload: seconds, keys } = values;
  if (replaced !== undefined)
    return await withRig((rig) => joins(rig, { joins: replaced, keys, writers: 64, seed, tell }));
  if (killed !== undefined)
    return await withRig((rig) => kills(rig, { kills: killed, writers: 32, seed, tell }));
  if (seconds !== undefined) return await withRig((rig) => overload(rig, { seconds, tell }));
  const lastsMs = values.minutes * 60_000;
  const faults = planFaults(createRandom(seed), lastsMs);
  const result = await torture({
    seed,
    lastsMs,
    faults,
    plan,
    rate: values.rate,
    clients: 16,
    smallDisk: true,
    tell,
  });
  tell(tableOf(result));
  return result;
}

async function withRig(work: (rig: Rig) => Promise<string[]>): Promise<Verdict> {
  const rig = await Rig.start(plan, tell);
  try {
    const found = await work(rig);
    return {
      wrong: [...found, ...rig.deaths.map(({ name, how, words: why }) => `${name} ${how}: ${why}`)],
      isVoid: false,
    };
  } finally {
    await rig.end();
  }
}
