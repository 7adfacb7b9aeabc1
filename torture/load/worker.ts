/** One client of the load: a session of its own, one call after the other, each of them recorded. */
import type { Client, Condition, WriteOptions } from '../../client/index.ts';
import type { ReadRecord, Condition as Tested, Write, WriteRecord } from '../../sim/checker/history.ts';
import type { Random } from '../../sim/random.ts';
import { nextOperation, type Sight, type WorkloadOptions } from '../../sim/workload.ts';
import { answerOf, endOfRead, endOfWrite, type Recorder } from './recorder.ts';

export interface WorkerOptions {
  readonly client: Client;
  readonly random: Random;
  readonly recorder: Recorder;
  /** Begins every key that is used now: keys get new names from time to time, so that no history of one is endless. */
  readonly prefix: () => string;
  readonly thinkMs: () => number;
  readonly unique: string;
}

const workload: WorkloadOptions = {
  keys: 64,
  reads: 0.45,
  weakReads: 0.4,
  conditions: 0.25,
  deletes: 0.12,
  adds: 0.15,
  valueBytes: 1500,
};
/** Share of operations on keys that are used for the whole run, each of them seldom. */
const coldShare = 0.25;
const coldKeys = 4000;
const sightsMax = 4096;
const outcomeUnknown = new Set(['unknown']);

export class Worker {
  readonly #options: WorkerOptions;
  readonly #sights = new Map<string, Sight>();
  #id: number;
  #count = 0;
  #stopped = false;
  #running: Promise<void> | null = null;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#id = options.recorder.nextClient();
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#once();
      await new Promise((resolve) => setTimeout(resolve, this.#options.thinkMs()));
    }
  }

  async #once(): Promise<void> {
    const { random, unique } = this.#options;
    this.#count++;
    const prefix = random.chance(coldShare)
      ? `cold/${random.int(coldKeys / workload.keys)}`
      : this.#options.prefix();
    const operation = nextOperation(random, workload, `${unique}.${this.#count}`, (k) =>
      this.#sights.get(`${prefix}/${k}`),
    );
    const key = `${prefix}/${operation.key}`;
    if (operation.kind === 'get') await this.#read(key, operation.level, operation.boundMs);
    else await this.#write(key, operation.write);
  }

  async #read(
    key: string,
    level: 'strong' | 'bounded' | 'session' | 'eventual',
    boundMs: number,
  ): Promise<void> {
    const { client, recorder } = this.#options;
    const call = performance.now();
    const op: ReadRecord['op'] = { kind: 'get', level, ...(level === 'bounded' ? { boundMs } : {}) };
    try {
      const found = await client.get(key, { level, ...(level === 'bounded' ? { boundMs } : {}) });
      const position = found.found ? found.position : null;
      this.#see(key, { position, objectVersion: found.version, updated: found.found ? found.updated : 0 });
      recorder.add(
        { client: this.#id, key, call, ret: performance.now(), op, result: answerOf(found) },
        'ok',
      );
    } catch (error) {
      const { result, ending } = endOfRead(error);
      recorder.add({ client: this.#id, key, call, ret: performance.now(), op, result }, ending);
    }
  }

  async #write(key: string, op: Write): Promise<void> {
    const { recorder } = this.#options;
    const call = performance.now();
    try {
      const result = await this.#send(key, op);
      recorder.add({ client: this.#id, key, call, ret: performance.now(), op, result }, 'ok');
    } catch (error) {
      const { result, ending } = endOfWrite(error);
      const unknown = outcomeUnknown.has(result.kind);
      const ret = unknown ? Number.POSITIVE_INFINITY : performance.now();
      recorder.add({ client: this.#id, key, call, ret, op, result }, ending);
      if (unknown) this.#id = recorder.nextClient();
    }
  }

  async #send(key: string, op: Write): Promise<WriteRecord['result']> {
    const { client } = this.#options;
    if (op.kind === 'add') {
      const { position, version, value } = await client.add(key, op.delta);
      this.#sights.delete(key);
      return { kind: 'ok', position, objectVersion: version, value: Number(value) };
    }
    const options = conditionsOf(op.condition);
    if (op.kind === 'delete') {
      const { position, found } = await client.delete(key, options);
      this.#see(key, { position: null, objectVersion: 0, updated: 0 });
      return { kind: 'ok', position, existed: found };
    }
    const { position, version, created } = await client.put(key, op.value, options);
    this.#see(key, { position, objectVersion: version, updated: 0 });
    return { kind: 'ok', position, objectVersion: version, existed: !created };
  }

  #see(key: string, sight: Sight): void {
    this.#sights.delete(key);
    this.#sights.set(key, sight);
    if (this.#sights.size > sightsMax) this.#sights.delete(this.#sights.keys().next().value as string);
  }
}

function conditionsOf(tested: readonly Tested[] | undefined): WriteOptions {
  if (tested === undefined) return {};
  return { if: tested.map(({ field, op, value }): Condition => ({ field, operator: op, value })) };
}
