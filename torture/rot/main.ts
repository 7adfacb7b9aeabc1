/** `npm run rot`: exits with 1 when a turned bit gave a wrong answer or a silent loss. */
import { Command } from 'commander';
import { formatTable } from '../../bench/report/table.ts';
import { whole } from '../../sim/arguments.ts';
import { createRandom } from '../../sim/random.ts';
import { prepare, remove } from './folders.ts';
import type { Kind } from './look.ts';
import { countFlips, drawFlips, type Flipped, Rot } from './rot.ts';
import { startWhole, type Whole } from './whole.ts';

const kinds: Readonly<Record<Kind, string>> = {
  same: 'nothing that is read was hit',
  told: 'it opens, and says that something is damaged or that the end of its log is missing',
  refused: 'it does not open, and says what, where and what to do',
  lost: 'something is missing or old without a word',
  wrong: 'an answer that never was right, or an error without a sentence',
};
const explained = Object.entries(kinds).map(([kind, what]) => `  ${kind.padEnd(9)}${what}`);

const values = new Command('npm run rot --')
  .description(
    'Turns single bits over in all files of a node, one at a time. 0 wrong answers and 0 silent losses are right.',
  )
  .option('--flips <n>', 'bits; after each the store is opened and read', whole(1), 10_000)
  .option('--clusters <n>', 'of them, with which the node starts in its cluster of three', whole(), 20)
  .option('--seed <n>', 'names the bits', whole(), 1)
  .addHelpText('after', `\nWhat comes of a bit:\n${explained.join('\n')}`)
  .parse()
  .opts<{ flips: number; clusters: number; seed: number }>();

const shown = 20;
const random = createRandom(values.seed);
const prepared = await prepare();
const rot = new Rot(prepared, 'n1');
try {
  const flipped = await openAll();
  const whole = await startSome(flipped);
  const bad = [
    ...flipped
      .filter(({ kind }) => kind === 'lost' || kind === 'wrong')
      .map(({ file, bit, kind, what }) => `${kind}: bit ${bit} of ${file}: ${what}`),
    ...whole.flatMap(({ file, bit, wrong }) =>
      wrong.map((what) => `in a cluster, bit ${bit} of ${file}: ${what}`),
    ),
  ];
  for (const sentence of bad.slice(0, shown)) console.log(`! ${sentence}`);
  console.log(`\n${flipped.length} bits, seed ${values.seed}: ${bad.length} wrong answers and silent losses`);
  process.exitCode = bad.length > 0 ? 1 : 0;
} finally {
  await remove(prepared.folder);
}

async function openAll(): Promise<Flipped[]> {
  const flipped: Flipped[] = [];
  for (const flip of await drawFlips(random, rot.folder, values.flips)) {
    flipped.push(await rot.flip(flip));
    if (flipped.length % 1000 === 0) console.log(`${flipped.length} bits turned over`);
  }
  const words = Object.keys(kinds) as Kind[];
  const rows = [...countFlips(flipped)].map(([file, counts]) => [
    file,
    ...words.map((kind) => `${counts.get(kind) ?? 0}`),
  ]);
  console.log(`\n${formatTable({ head: ['file', ...words], rows })}\n`);
  return flipped;
}

/** Those that opened and missed something first: what the others do not have to tell, a cluster must notice. */
async function startSome(flipped: readonly Flipped[]): Promise<Whole[]> {
  const told = flipped.filter(({ kind }) => kind === 'told');
  const others = flipped.filter(({ kind }) => kind === 'refused' || kind === 'same');
  const count = values.clusters;
  const chosen = [...told.slice(0, Math.ceil(count * 0.7)), ...others].slice(0, count);
  const whole: Whole[] = [];
  for (const flip of chosen) whole.push(await startWhole(prepared, rot, flip));
  const blank = whole.filter(({ came }) => came === 'blank').length;
  console.log(
    `${whole.length} nodes started in their cluster: ${whole.length - blank} with their data, ${blank} blank`,
  );
  return whole;
}
