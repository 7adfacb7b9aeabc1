/** The gRPC front under a fixed rate of larger values, on five nodes: by this program's own open loop, and by ghz. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Store, startStore } from '../cluster/store.ts';
import { LinkGenerator } from '../load/generator.ts';
import { measure } from '../measure/measure.ts';
import type { Sample } from '../measure/sample.ts';
import { percentiles, summarize } from '../measure/statistics.ts';
import { cellText, figure } from '../report/format.ts';
import type { Judged, Section } from '../report/report.ts';
import { get, put, sized, type Workload } from '../workload/workloads.ts';
import { type Bench, type Findings, runOf, withSystem } from './bench.ts';

const cluster = { nodes: 5, replicationFactor: 3, slots: 64, durability: 'fsync' } as const;
const bytes = 10_240;
const rate = 1000;
const p99MsMax = 50;
/** Operations under way at once, at most. */
const openLoopMax = 5000;

export async function grpc(bench: Bench): Promise<Findings> {
  const sections: Section[] = [];
  const targets: Judged[] = [];
  await withSystem(
    bench,
    (folder) => startStore({ ...cluster, folder }),
    async (store) => {
      const own = await ownLoop(bench, store);
      sections.push(own.section);
      targets.push(...own.targets);
      sections.push(ghz(bench, store));
    },
  );
  return { cells: [], sections, targets };
}

async function ownLoop(bench: Bench, store: Store): Promise<{ section: Section; targets: Judged[] }> {
  const generator = await LinkGenerator.open(store.grpcEndpoints, { client: 'grpc' });
  const workloads: Workload[] = [sized(put, bytes), sized(get, bytes)];
  const rows: string[][] = [];
  const targets: Judged[] = [];
  await generator.fill(workloads[0] as Workload, bench.seed);
  for (const workload of workloads) {
    const samples: Sample[] = [];
    for (let round = 0; round < bench.runs; round++)
      samples.push(
        await measure(store, generator, runOf(bench, { workload, concurrency: openLoopMax, rate }, round)),
      );
    const summary = summarize({ samples });
    const late = percentiles(samples.map((sample) => sample.late));
    bench.say(`${workload.name} over gRPC, ${rate}/s: ${cellText(summary)}`);
    rows.push([
      workload.name,
      cellText(summary),
      figure(summary.p999),
      figure(summary.max),
      figure(late?.p99 ?? 0),
    ]);
    targets.push({
      what: `${workload.name} over gRPC at ${figure(rate)} requests/s on ${cluster.nodes} nodes: p99, and errors`,
      wanted: `< ${p99MsMax} ms, 0`,
      got: `${figure(summary.p99)} ms, ${figure(summary.errors)}`,
      holds: summary.p99 < p99MsMax && summary.errors === 0,
    });
  }
  generator.close();
  const section: Section = {
    title: `gRPC front: values of ${bytes / 1024} KiB at ${figure(rate)} requests per second`,
    text: [
      `${cluster.nodes} nodes, chains of ${cluster.replicationFactor}, fsync. Open loop with random arrivals, requests to all nodes in turn; latency from the intended start. Late: how late the generator itself was.`,
    ],
    table: { head: ['', 'op/s (p50 / p99 ms)', 'p99.9 ms', 'max ms', 'late p99 ms'], rows },
    charts: [],
  };
  return { section, targets };
}

/** ghz is a well-known load tool for gRPC; it is used when it is installed. */
function ghz(bench: Bench, store: Store): Section {
  const title = 'gRPC front, by ghz';
  const data = join(bench.folder, 'ghz.json');
  const value = Buffer.alloc(bytes, 7).toString('base64');
  writeFileSync(
    data,
    JSON.stringify(Array.from({ length: 64 }, (_, i) => ({ key: btoa(`ghz${i}`), value }))),
  );
  const run = spawnSync(
    'ghz',
    [
      ...['--insecure', '--proto', join(import.meta.dirname, '..', '..', 'proto', 'chaincluster.proto')],
      ...['--call', 'chaincluster.v1.KeyValue.Put', '--data-file', data, '--format', 'json'],
      ...[
        '--rps',
        String(rate),
        '--concurrency',
        '50',
        '--duration',
        `${bench.windowMs / 1000}s`,
        '--duration-stop',
        'wait',
      ],
      store.grpcEndpoints[0] as string,
    ],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  if (run.error !== undefined || run.status !== 0) {
    const why = run.error?.message ?? run.stderr;
    return {
      title,
      text: [`Not measured: ${why} (go install github.com/bojand/ghz/cmd/ghz@latest)`],
      table: null,
      charts: [],
    };
  }
  const { rps, count, latencyDistribution, statusCodeDistribution } = JSON.parse(run.stdout) as GhzReport;
  const at = (percentage: number): string =>
    figure((latencyDistribution.find((each) => each.percentage === percentage)?.latency ?? Number.NaN) / 1e6);
  return {
    title,
    text: [
      `Puts of ${bytes / 1024} KiB to one node, which passes them on; 50 callers, at most ${figure(rate)} per second.`,
    ],
    table: {
      head: ['requests', 'per second', 'p50 ms', 'p99 ms', 'status codes'],
      rows: [[figure(count), figure(rps), at(50), at(99), JSON.stringify(statusCodeDistribution)]],
    },
    charts: [],
  };
}

/** The part of its report that is read here; latencies in ns. */
interface GhzReport {
  readonly count: number;
  readonly rps: number;
  readonly latencyDistribution: readonly { readonly percentage: number; readonly latency: number }[];
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
}
