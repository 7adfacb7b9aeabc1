/**
 * Lists slot after slot while everything else goes on. What a list shows of a key, its absence included, is recorded as a
 * strong read of that key: a page is proven as a read is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChainError, type Client, type Slot } from '../../client/index.ts';
import { isRead, type ReadRecord } from '../../sim/checker/history.ts';
import { answerOf, type Recorder } from './recorder.ts';

const pauseMs = 1000;

export class Lister {
  readonly #client: Client;
  readonly #recorder: Recorder;
  /** Keys that were written, by slot. */
  readonly #written = new Map<Slot, Set<string>>();
  #looked = 0;
  #stopped = false;
  #running: Promise<void> | null = null;
  lists = 0;

  constructor(client: Client, recorder: Recorder) {
    this.#client = client;
    this.#recorder = recorder;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let slot = 0; !this.#stopped; slot = (slot + 1) % this.#client.slots) {
      await this.#list(slot as Slot);
      await sleep(pauseMs);
    }
  }

  async #list(slot: Slot): Promise<void> {
    const seen = new Map<string, ReadRecord['result']>();
    for (const key of this.#keysOf(slot)) seen.set(key, { kind: 'ok', found: false });
    const call = performance.now();
    try {
      for await (const entry of this.#client.entries({ slots: [slot], timeoutMs: 10_000 }))
        seen.set(Buffer.from(entry.key).toString('latin1'), answerOf(entry));
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      return;
    }
    const ret = performance.now();
    this.lists++;
    const op = { kind: 'get', level: 'strong' } as const;
    for (const [key, result] of seen)
      this.#recorder.note({ client: this.#recorder.nextClient(), key, call, ret, op, result });
  }

  #keysOf(slot: Slot): Iterable<string> {
    const { records } = this.#recorder;
    for (; this.#looked < records.length; this.#looked++) {
      const record = records[this.#looked];
      if (record === undefined || isRead(record)) continue;
      const of = this.#client.slotOf(record.key);
      const own = this.#written.get(of) ?? new Set();
      this.#written.set(of, own.add(record.key));
    }
    return this.#written.get(slot) ?? [];
  }
}
