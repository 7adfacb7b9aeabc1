/** Where the load of a measurement comes from: processes beside this one, which make it and count. */
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { System } from '../cluster/system.ts';
import { decodeHistograms, encodeHistogram } from '../measure/histogram.ts';
import type { Workload } from '../workload/workloads.ts';
import type { Counted, Run } from './run.ts';
import type { ClientKind, Envelope, Order, Outcome } from './worker.ts';

export interface Generator {
  /** Writes every key of the workload. */
  fill(workload: Workload, seed: number): Promise<void>;
  run(run: Run): Promise<Counted>;
  close(): void;
}

export interface GeneratorOptions {
  /** Processes that share the callers of this store's runs. @default 1 */
  readonly processes?: number;
  /** @default 'links' */
  readonly client?: ClientKind;
  /** etcd: connections; Redis: connections that all callers share, 0 = one each. @default 0 */
  readonly connections?: number;
}

/** Writes under way at once while keys are loaded: many small ones, few large ones. */
const fillConcurrency = ({ valueBytes }: Workload): number =>
  Math.max(4, Math.min(128, Math.floor(1_048_576 / valueBytes)));

export async function openGenerator(system: System, options: GeneratorOptions = {}): Promise<Generator> {
  if (system.kind !== 'chaincluster') return new PeerGenerator(system, options.connections ?? 0);
  return LinkGenerator.open(system.endpoints, options);
}

/** Drives this store, from one worker process or several. */
export class LinkGenerator implements Generator {
  readonly #workers: readonly Worker[];

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  static async open(endpoints: readonly string[], options: GeneratorOptions = {}): Promise<LinkGenerator> {
    const { processes = 1, client = 'links' } = options;
    const generator = new LinkGenerator(Array.from({ length: processes }, () => new Worker()));
    await Promise.all(generator.#workers.map((worker) => worker.order({ do: 'connect', endpoints, client })));
    return generator;
  }

  async fill(workload: Workload, seed: number): Promise<void> {
    const [first] = this.#workers;
    if (first !== undefined)
      await first.order({ do: 'fill', workload, concurrency: fillConcurrency(workload), seed });
  }

  async run(run: Run): Promise<Counted> {
    const share = this.#workers.length;
    const parts = await Promise.all(
      this.#workers.map((worker, i) =>
        worker.order({
          do: 'run',
          run: {
            ...run,
            concurrency: Math.ceil(run.concurrency / share),
            rate: run.rate / share,
            seed: run.seed + i,
          },
        }),
      ),
    );
    return sum(parts as Counted[]);
  }

  close(): void {
    for (const worker of this.#workers) worker.close();
  }
}

/** A worker process and the orders that it has not carried out yet. */
class Worker {
  readonly #process = fork(join(import.meta.dirname, 'worker.ts'), { stdio: 'inherit' });
  readonly #open = new Map<number, PromiseWithResolvers<Counted | null>>();
  #lastId = 0;

  constructor() {
    this.#process.on('message', ({ id, content }: Envelope<Outcome>) => {
      const waiting = this.#open.get(id);
      this.#open.delete(id);
      if ('failed' in content) waiting?.reject(new Error(content.failed));
      else waiting?.resolve(content.counted);
    });
    this.#process.on('exit', (code) => {
      for (const waiting of this.#open.values())
        waiting.reject(new Error(`a load generator ended by itself (exit ${code})`));
    });
  }

  order(content: Order): Promise<Counted | null> {
    const waiting = Promise.withResolvers<Counted | null>();
    this.#open.set(++this.#lastId, waiting);
    this.#process.send({ id: this.#lastId, content } satisfies Envelope<Order>);
    return waiting.promise;
  }

  close(): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}

/** What several processes counted at the same time. */
function sum(parts: readonly Counted[]): Counted {
  const [first, ...rest] = parts as [Counted, ...Counted[]];
  if (rest.length === 0) return first;
  const add = (get: (part: Counted) => number): number => parts.reduce((total, part) => total + get(part), 0);
  const merge = (get: (part: Counted) => string): string => encodeHistogram(decodeHistograms(parts.map(get)));
  const errors: Record<string, number> = {};
  for (const part of parts)
    for (const [name, count] of Object.entries(part.errors)) errors[name] = (errors[name] ?? 0) + count;
  return {
    seconds: first.seconds,
    operations: add((part) => part.operations),
    errors,
    reads: merge((part) => part.reads),
    writes: merge((part) => part.writes),
    late: merge((part) => part.late),
    cpuSeconds: add((part) => part.cpuSeconds),
    buckets: first.buckets.map((_, i) => add((part) => part.buckets[i] ?? 0)),
  };
}

const source = join(import.meta.dirname, '..', 'peers');
const binary = join(tmpdir(), `chaincluster-bench-peers-${process.pid}`);
let built = false;

/** Drives etcd and Redis from a Go program: clients of this language would hold them back. */
class PeerGenerator implements Generator {
  readonly #system: System;
  readonly #connections: number;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(system: System, connections: number) {
    this.#system = system;
    this.#connections = connections;
    build();
    this.#process = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async fill(workload: Workload, seed: number): Promise<void> {
    const alone = this.#system.kind === 'redis' ? { clients: 0 } : {};
    const concurrency = fillConcurrency(workload);
    await this.#ask({ ...this.#common(workload, seed), ...alone, load: true, concurrency });
  }

  async run(run: Run): Promise<Counted> {
    const { workload, concurrency, rate, warmupMs, windowMs, seed } = run;
    const result = await this.#ask({
      ...this.#common(workload, seed),
      concurrency,
      rate,
      warmupMs,
      windowMs,
    });
    return { ...result, buckets: [] };
  }

  close(): void {
    this.#process.stdin?.end();
  }

  #common(workload: Workload, seed: number): Record<string, unknown> {
    const { mix, distribution, keys, valueBytes } = workload;
    if (distribution === 'latest' || mix.modify || mix.insert || mix['test-and-set'])
      throw new Error(`${workload.name} is measured on this store only`);
    return {
      system: this.#system.kind,
      endpoints: this.#system.endpoints,
      reads: mix.read ?? 0,
      zipfian: distribution === 'zipfian',
      keys,
      valueBytes,
      seed,
      replicas: this.#system.kind === 'redis' ? this.#system.replicas - 1 : 0,
      clients: this.#connections,
    };
  }

  async #ask(run: Record<string, unknown>): Promise<Counted> {
    this.#process.stdin?.write(`${JSON.stringify(run)}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('bench/peers ended by itself; its message is above');
    const answer = JSON.parse(value) as Counted & { failed?: string };
    if (answer.failed !== undefined) throw new Error(`${this.#system.name}: ${answer.failed}`);
    return answer;
  }
}

function build(): void {
  if (built) return;
  const made = spawnSync('go', ['build', '-o', binary, '.'], { cwd: source, encoding: 'utf8' });
  if (made.status !== 0)
    throw new Error(`bench/peers could not be built with Go: ${made.error?.message ?? made.stderr}`);
  built = true;
}
