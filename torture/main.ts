/** `npm run torture -- --minutes N [--seed S]`: exits with 1 when a promise was broken, with 2 when the run is void. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../sim/random.ts';
import { planFaults } from './faults/plan.ts';
import { joins } from './modes/joins.ts';
import { kills } from './modes/kills.ts';
import { overload } from './modes/overload.ts';
import { tableOf } from './report/table.ts';
import type { RigPlan } from './rig/layout.ts';
import { Rig } from './rig/rig.ts';
import { acknowledgedPerSecondMin, clean, torture } from './torture.ts';

const usage = `Usage: npm run torture -- [options]
Runs a cluster of real processes under load and random faults, then compares all of its members.
  --minutes N        how long faults go on                [1]
  --seed S           names the sequence of faults         [a random one, which is printed]
  --durability D     fsync or os                          [fsync]
  --rate N           operations a second when all is well [600]
  --folder DIR       where data and logs are kept         [a new one in the system's folder for such]
  --port N           lowest port                          [17000]
Instead of random faults:
  --joins N          replaces a node N times under 64 writers; --keys K of 1 KB [40000]
  --kills N          kills all processes at once N times under load
  --overload S       ten times too much load for S seconds
A failing run keeps its folder: data, logs, history and this output.`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    durability: { type: 'string', default: 'fsync' },
    rate: { type: 'string', default: '600' },
    folder: { type: 'string' },
    port: { type: 'string', default: '17000' },
    joins: { type: 'string' },
    keys: { type: 'string', default: '40000' },
    kills: { type: 'string' },
    overload: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const folder = values.folder ?? join(tmpdir(), `chaincluster-torture-${seed}-${process.pid}`);
const said: string[] = [];
const tell = (line: string): void => {
  said.push(line);
  console.log(line);
};
const plan: RigPlan = {
  folder,
  basePort: Number(values.port),
  nodes: values.joins === undefined ? 4 : 3,
  places: 5,
  coordinators: 3,
  slots: 16,
  durability: values.durability === 'os' ? 'os' : 'fsync',
};
const words = process.argv.slice(2).filter((word, i, all) => word !== '--seed' && all[i - 1] !== '--seed');

tell(`torture ${words.join(' ')}, seed ${seed}; data and logs in ${folder}`);
mkdirSync(folder, { recursive: true });
const { wrong, isVoid } = await run();
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
    return await withRig((rig) =>
      joins(rig, { joins: Number(replaced), keys: Number(keys), writers: 64, seed, tell }),
    );
  if (killed !== undefined)
    return await withRig((rig) => kills(rig, { kills: Number(killed), writers: 32, seed, tell }));
  if (seconds !== undefined) return await withRig((rig) => overload(rig, { seconds: Number(seconds), tell }));
  const lastsMs = Number(values.minutes) * 60_000;
  const faults = planFaults(createRandom(seed), lastsMs);
  const result = await torture({
    seed,
    lastsMs,
    faults,
    plan,
    rate: Number(values.rate),
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
