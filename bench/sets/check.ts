/**
 * A regression check for machines of which nothing is known: this store is compared with what the same machine gave in the
 * same minute, never with absolute figures.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startStore } from '../cluster/store.ts';
import { measureDisk } from '../limits/limits.ts';
import { measureLinks } from '../limits/loopback.ts';
import { openGenerator } from '../load/generator.ts';
import { measure } from '../measure/measure.ts';
import { median } from '../measure/statistics.ts';
import { figure } from '../report/format.ts';
import type { Judged } from '../report/report.ts';
import { get, put } from '../workload/workloads.ts';
import { type Bench, type Findings, runOf, withSystem } from './bench.ts';

/**
 * A write of a chain costs at least one sync of a disk and the processors' work on its messages. What disk and processors
 * allow together is counted as one fdatasync and `echoesPerPut` answers of a node that does nothing, one after the other,
 * so that the ratio says the same on a fast disk and on a slow one. Both bounds are half or less of what two processors
 * gave (puts 1.4 on a disk of 7,000 syncs a second and 1.9 on one of 3,300; gets 0.6): noise does not reach them, a store
 * that became twice as slow does.
 */
const echoesPerPut = 25;
const putsPerAllowedMin = 0.7;
const getsPerEchoMin = 0.12;
const concurrency = { put: 32, get: 128 } as const;

export async function check(bench: Bench): Promise<Findings> {
  const folder = join(bench.folder, 'sync');
  mkdirSync(folder, { recursive: true });
  const puts: number[] = [];
  const gets: number[] = [];
  let errors = 0;
  await withSystem(
    bench,
    (data) => startStore({ folder: data, nodes: 3, replicationFactor: 3, slots: 64, durability: 'fsync' }),
    async (store) => {
      const generator = await openGenerator(store);
      await generator.fill(put, bench.seed);
      const rateOf = async (workload: typeof put, callers: number, round: number): Promise<number> => {
        const sample = await measure(
          store,
          generator,
          runOf(bench, { workload, concurrency: callers }, round),
        );
        errors += Object.values(sample.errors).reduce((a, b) => a + b, 0);
        return sample.operations / sample.seconds;
      };
      for (let round = 0; round < bench.runs; round++) {
        const { syncs } = await measureDisk(folder, 4096, 1, bench.windowMs / 2);
        const writes = await rateOf(put, concurrency.put, round);
        const echoes = await measureLinks([get], [concurrency.get], bench.windowMs / 2);
        const reads = await rateOf(get, concurrency.get, round);
        const echo = echoes[0]?.perSecond ?? Number.NaN;
        puts.push(writes * (1 / syncs + echoesPerPut / echo));
        gets.push(reads / echo);
        bench.say(
          `round ${round + 1}: ${figure(syncs)} syncs/s, ${figure(writes)} puts/s; ${figure(echo)} echoes/s, ${figure(reads)} gets/s`,
        );
      }
      generator.close();
    },
  );
  const targets = [
    atLeast('puts at c=32 for each that disk and processors allow', median(puts), putsPerAllowedMin),
    atLeast('gets at c=128 for each answer of a node that does nothing', median(gets), getsPerEchoMin),
    { what: 'failed requests', wanted: '0', got: figure(errors), holds: errors === 0 },
  ];
  return {
    cells: [],
    sections: [{ title: 'Regression check', text: sentences(targets), table: null, charts: [] }],
    targets,
    failed: targets.some((target) => target.holds === false),
  };
}

function atLeast(what: string, got: number, least: number): Judged {
  return { what, wanted: `≥ ${least}`, got: figure(got), holds: got >= least };
}

function sentences(targets: readonly Judged[]): string[] {
  const missed = targets.filter((target) => target.holds === false);
  if (missed.length === 0) return ['No regression: all ratios are within their bounds.'];
  return missed.map(
    ({ what, wanted, got }) =>
      `Regression: ${what} are ${got}, wanted ${wanted}; \`npm run bench -- --baseline FILE\` shows where.`,
  );
}
