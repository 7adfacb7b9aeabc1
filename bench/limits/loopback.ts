/** What the loopback interface gives: raw sockets, and this store's links and client against a node that does nothing. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { LinkGenerator } from '../load/generator.ts';
import type { Run } from '../load/run.ts';
import { newHistogram, record } from '../measure/histogram.ts';
import { measure } from '../measure/measure.ts';
import { summarize } from '../measure/statistics.ts';
import { get, type Workload } from '../workload/workloads.ts';

export interface RoundTrip {
  /** ms */
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

const pingBytes = 120;

/** One message there and back at a time, between this process and another one, without any protocol. */
export async function measureRoundTrip(ms: number): Promise<RoundTrip> {
  const child = fork(join(import.meta.dirname, 'loopback-worker.ts'));
  const port = await portOf(child);
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  const histogram = newHistogram();
  const ping = Buffer.alloc(pingBytes, 1);
  const began = performance.now();
  await new Promise<void>((resolve) => {
    let sent = performance.now();
    let received = 0;
    socket.on('data', (bytes) => {
      received += bytes.length;
      if (received < pingBytes) return;
      received = 0;
      const now = performance.now();
      record(histogram, (now - sent) * 1000);
      if (now > began + ms) return resolve();
      sent = now;
      socket.write(ping);
    });
    socket.write(ping);
  });
  const seconds = (performance.now() - began) / 1000;
  socket.destroy();
  child.disconnect();
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return { p50: at(50), p99: at(99), perSecond: histogram.totalCount / seconds };
}

/** Sends back what it gets. Resolves to its port. */
export function startEcho(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('data', (bytes) => socket.write(bytes));
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
}

export interface LinkLimit {
  readonly workload: string;
  readonly concurrency: number;
  readonly perSecond: number;
  /** ms */
  readonly p50: number;
  readonly p99: number;
  /** CPU for each operation, in µs: of the generator, and of the node that does nothing. */
  readonly clientUs: number;
  readonly serverUs: number;
}

/** Links, codec and load generator with nothing behind them: no store can be faster than this with this client. */
export async function measureLinks(
  workloads: readonly Workload[],
  concurrencies: readonly number[],
  ms: number,
): Promise<LinkLimit[]> {
  const child = fork(join(import.meta.dirname, 'echo-node.ts'), [String(get.keys), String(get.valueBytes)]);
  const generator = await LinkGenerator.open([`127.0.0.1:${await portOf(child)}`]);
  const limits: LinkLimit[] = [];
  for (const workload of workloads)
    for (const concurrency of concurrencies) {
      const run: Run = { ...plain, workload, concurrency, windowMs: ms };
      const sample = await measure({ pids: [child.pid as number] }, generator, run);
      const { rate, p50, p99 } = summarize({ samples: [sample] });
      const us = (seconds: number): number => (seconds * 1e6) / sample.operations;
      limits.push({
        workload: workload.name,
        concurrency,
        perSecond: rate.median,
        p50,
        p99,
        clientUs: us(sample.clientCpu),
        serverUs: us(sample.serverCpu),
      });
    }
  generator.close();
  child.disconnect();
  return limits;
}

const plain: Omit<Run, 'workload' | 'concurrency' | 'windowMs'> & { workload?: Workload } = {
  rate: 0,
  warmupMs: 500,
  seed: 1,
  readAt: 'any',
  bucketMs: 0,
};

async function portOf(child: ChildProcess): Promise<number> {
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return port;
}
