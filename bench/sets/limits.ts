import { join } from 'node:path';
import { type Limits, measureLimits } from '../limits/limits.ts';
import { figure } from '../report/format.ts';
import type { Section } from '../report/report.ts';
import { sizeName } from '../workload/workloads.ts';
import type { Bench, Findings } from './bench.ts';

/** What disk, loopback, links and LevelDB give on this machine. */
export async function limits(bench: Bench): Promise<Findings> {
  const found = await measureLimits(join(bench.folder, 'limits'), bench.windowMs, bench.say);
  return { cells: [], sections: limitSections(found), targets: [] };
}

function limitSections({ disk, roundTrip, links, store }: Limits): Section[] {
  return [
    {
      title: 'Limit: disk',
      text: [
        'Append, then fdatasync, one at a time in each process. Three processes: as the members of a chain do on one disk.',
      ],
      table: {
        head: ['append', 'processes', 'syncs/s', 'p50 ms', 'p99 ms'],
        rows: disk.map((d) => [
          sizeName(d.bytes),
          String(d.processes),
          figure(d.syncs),
          figure(d.p50),
          figure(d.p99),
        ]),
      },
      charts: [],
    },
    {
      title: 'Limit: loopback',
      text: ['120 bytes there and back between two processes, one at a time, plain sockets.'],
      table: {
        head: ['', 'per second', 'p50 ms', 'p99 ms'],
        rows: [['round trip', figure(roundTrip.perSecond), figure(roundTrip.p50), figure(roundTrip.p99)]],
      },
      charts: [],
    },
    {
      title: 'Limit: links and load generator',
      text: [
        'This store’s links and client against one node that answers from memory: no replication, no disk.',
      ],
      table: {
        head: ['', 'callers', 'per second', 'p50 ms', 'p99 ms', 'client µs/op', 'node µs/op'],
        rows: links.map((l) => [
          l.workload,
          ...[l.concurrency, l.perSecond, l.p50, l.p99, l.clientUs, l.serverUs].map(figure),
        ]),
      },
      charts: [],
    },
    {
      title: 'Limit: LevelDB',
      text: [
        `One node’s store without a network: each write is a log entry and the new value of its key. Written: bytes given to the disk for each byte of a value. Reads of single keys: ${figure(store.readsPerSecond)} per second.`,
      ],
      table: {
        head: ['durability', 'value', 'batch', 'writes/s', 'ms a batch', 'CPU µs', 'written'],
        rows: store.writes.map((w) => [
          w.durability,
          sizeName(w.valueBytes),
          ...[w.batch, w.writesPerSecond, w.msPerBatch, w.cpuUsPerWrite, w.writtenPerByte].map(figure),
        ]),
      },
      charts: [],
    },
  ];
}
