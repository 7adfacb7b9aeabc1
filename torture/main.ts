/** `npm run torture -- --minutes N [--seed S]`: exits with 1 when a promise was broken, with 2 when the run is void. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../sim/random.ts';
import { planFaults } from './faults/plan.ts';
import { tableOf } from './report/table.ts';
import { clean, type TortureResult, torture } from './torture.ts';

const usage = `Usage: npm run torture -- [options]
Runs a cluster of real processes under load and random faults, then compares all of its members.
  --minutes N        how long faults go on               [1]
  --seed S           names the sequence of faults         [a random one, which is printed]
  --durability D     fsync or os                          [fsync]
  --rate N           operations a second when all is well [400]
  --folder DIR       where data and logs are kept         [a new one in the system's folder for such]
  --port N           lowest port                          [17000]
A failing run keeps its folder: data, logs, history and this output.`;

/** Below it, too little happened between the faults to say anything. */
const acknowledgedPerSecondMin = 100;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    durability: { type: 'string', default: 'fsync' },
    rate: { type: 'string', default: '400' },
    folder: { type: 'string' },
    port: { type: 'string', default: '17000' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const folder = values.folder ?? join(tmpdir(), `chaincluster-torture-${seed}-${process.pid}`);
const lastsMs = Number(values.minutes) * 60_000;
const said: string[] = [];
const tell = (line: string): void => {
  said.push(line);
  console.log(line);
};

tell(`torture for ${values.minutes} min, seed ${seed}; data and logs in ${folder}`);
const result = await torture({
  seed,
  lastsMs,
  faults: planFaults(createRandom(seed), lastsMs),
  plan: {
    folder,
    basePort: Number(values.port),
    nodes: 4,
    places: 5,
    coordinators: 3,
    slots: 16,
    durability: values.durability === 'os' ? 'os' : 'fsync',
  },
  rate: Number(values.rate),
  clients: 16,
  smallDisk: true,
  tell,
});
process.exitCode = await end(result);

async function end({ wrong, acknowledgedPerSecond, ...rest }: TortureResult): Promise<number> {
  tell(tableOf({ wrong, acknowledgedPerSecond, ...rest }));
  const isVoid = acknowledgedPerSecond < acknowledgedPerSecondMin;
  if (wrong.length === 0 && !isVoid) {
    await clean(folder);
    tell('0 lost, 0 wrong');
    return 0;
  }
  for (const sentence of wrong.slice(0, 20)) tell(`! ${sentence}`);
  if (isVoid)
    tell(
      `void: ${acknowledgedPerSecond.toFixed(0)} acknowledged operations a second are too few to say anything`,
    );
  tell(
    `everything of this run is in ${folder}; the same faults again: npm run torture -- --minutes ${values.minutes} --seed ${seed}`,
  );
  writeFileSync(join(folder, 'torture.log'), `${said.join('\n')}\n`);
  return wrong.length > 0 ? 1 : 2;
}
