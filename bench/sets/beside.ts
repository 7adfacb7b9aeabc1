/** Small requests while large values are written: the large ones must not stall the small ones. */
import { startStore } from '../cluster/store.ts';
import { LinkGenerator } from '../load/generator.ts';
import { measure } from '../measure/measure.ts';
import type { Sample } from '../measure/sample.ts';
import { summarize } from '../measure/statistics.ts';
import { cellText, figure } from '../report/format.ts';
import { get, put, sized, sizeName, type Workload } from '../workload/workloads.ts';
import { type Bench, type Findings, runOf, withSystem } from './bench.ts';

const threeNodes = { nodes: 3, replicationFactor: 3, slots: 64, durability: 'fsync' } as const;
const smallCallers = 8;
const largeCallers = 4;
const sizes = [16_384, 1_048_576];

export async function beside(bench: Bench): Promise<Findings> {
  const rows: string[][] = [];
  await withSystem(
    bench,
    (folder) => startStore({ ...threeNodes, folder }),
    async (store) => {
      const [small, large] = await Promise.all([
        LinkGenerator.open(store.endpoints),
        LinkGenerator.open(store.endpoints),
      ]);
      await small.fill(put, bench.seed);
      for (const bytes of [0, ...sizes])
        for (const workload of [put, get]) {
          const samples: Sample[] = [];
          let largeRate = 0;
          for (let round = 0; round < bench.runs; round++) {
            const load = largeLoad(bytes);
            const writing =
              load === null
                ? null
                : large.run(runOf(bench, { workload: load, concurrency: largeCallers }, round));
            samples.push(
              await measure(store, small, runOf(bench, { workload, concurrency: smallCallers }, round)),
            );
            const counted = await writing;
            largeRate += counted === null ? 0 : counted.operations / counted.seconds / bench.runs;
          }
          const summary = summarize({ samples });
          const row = [
            workload.name,
            bytes === 0 ? 'nothing' : `puts of ${sizeName(bytes)}`,
            figure(largeRate),
            cellText(summary),
            figure(summary.p999),
            figure(summary.max),
          ];
          bench.say(row.join('  '));
          rows.push(row);
        }
      small.close();
      large.close();
    },
  );
  return {
    cells: [],
    sections: [
      {
        title: 'Small requests beside large values',
        text: [
          `${smallCallers} callers of 100-byte values, ${largeCallers} callers that write large ones, fsync.`,
        ],
        table: { head: ['', 'beside', 'large puts/s', 'op/s (p50 / p99 ms)', 'p99.9 ms', 'max ms'], rows },
        charts: [],
      },
    ],
    targets: [],
  };
}

/** Keys of their own, behind those of the small ones. */
function largeLoad(bytes: number): Workload | null {
  if (bytes === 0) return null;
  const chosen = Array.from({ length: 64 }, (_, i) => put.keys + i);
  return { ...sized(put, bytes), chosen };
}
