/** `npm run soak -- --minutes N`: load and mild faults; fails when something that a process holds grows without end. */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { formatTable } from '../../bench/report/table.ts';
import { positive, whole } from '../../sim/arguments.ts';
import { createRandom } from '../../sim/random.ts';
import { Carrier } from '../faults/carry-out.ts';
import { type FaultKind, planFaults } from '../faults/plan.ts';
import { Load } from '../load/load.ts';
import { Rig } from '../rig/rig.ts';
import { clean } from '../torture.ts';
import { trends } from './growth.ts';
import { tableOfTrends, writePage } from './page.ts';
import { type Sample, takeSamples } from './samples.ts';

const values = new Command('npm run soak --')
  .description(
    'Load and mild faults; memory, handles, event-loop delay and disk use as a table, and as a page with plots. Exits with 1 when one of them grows without end, or when a process ended by itself.',
  )
  .option('--minutes <n>', 'how long', positive, 5)
  .option('--seed <n>', 'names the sequence of faults', whole(), 1)
  .option('--rate <n>', 'operations a second when all is well', positive, 300)
  .option('--out <dir>', 'where the page goes', '.results')
  .option('--port <n>', 'lowest port', whole(1), 17_500)
  .addHelpText('after', '\nExample: npm run soak -- --minutes 60')
  .parse()
  .opts<{ minutes: number; seed: number; rate: number; out: string; port: number }>();

const mild: readonly FaultKind[] = ['kill', 'kill coordinator', 'suspend', 'late', 'cut', 'replace'];
/** One in so many of torture's faults. */
const mildEvery = 6;
const sampleMs = 2000;

const lastsMs = values.minutes * 60_000;
const folder = join(tmpdir(), `chaincluster-soak-${process.pid}`);
const random = createRandom(values.seed);
const faults = planFaults(random.fork(), lastsMs * 0.9, mild).filter((_, i) => i % mildEvery === 0);
const rig = await Rig.start(
  {
    folder,
    basePort: values.port,
    nodes: 4,
    places: 4,
    coordinators: 3,
    slots: 16,
    durability: 'fsync',
  },
  console.log,
);
const samples: Sample[] = [];
try {
  const load = await Load.start({
    endpoints: rig.endpoints,
    clients: 16,
    random: random.fork(),
    rate: values.rate,
    again: true,
  });
  const carrier = new Carrier(rig, null, console.log);
  const began = performance.now();
  const over = new AbortController();
  const carrying = carrier.carryOut(faults, began, over.signal);
  while (performance.now() - began < lastsMs) {
    samples.push(...(await takeSamples(rig, (performance.now() - began) / 1000)));
    await sleep(sampleMs);
  }
  over.abort();
  await carrying;
  await load.stop();
  load.close();
  console.log(`${load.recorder.acknowledged} operations were acknowledged`);
} finally {
  await rig.end();
}
const found = trends(samples);
mkdirSync(resolve(values.out), { recursive: true });
const page = resolve(values.out, 'soak.html');
writePage(page, samples, found, { command: `npm run soak -- --minutes ${values.minutes}`, folder, faults });
console.log(`\n${formatTable(tableOfTrends(found))}\n\nplots: ${page}`);
const bad = [
  ...found.filter(({ grows }) => grows).map(({ name, figure }) => `${figure} of ${name} grows without end`),
  ...rig.deaths.map(({ name, how, words }) => `${name} ${how} although nobody killed it: ${words}`),
];
for (const sentence of bad) console.log(`! ${sentence}`);
if (found.length === 0) console.log('! too few samples to say anything; give it more minutes');
process.exitCode = bad.length > 0 || found.length === 0 ? 1 : 0;
if (process.exitCode === 0) await clean(folder);
else console.log(`data and logs are in ${folder}`);
