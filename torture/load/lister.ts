/** Lists slot after slot while everything else goes on, and records what it saw of each key as a read. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChainError, type Client, type Slot } from '../../client/index.ts';
import type { ReadRecord } from '../../sim/checker/history.ts';
import { answerOf, type Recorder } from './recorder.ts';

export class Lister {
  readonly #client: Client;
  readonly #recorder: Recorder;
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
      await sleep(200);
    }
  }

  async #list(slot: Slot): Promise<void> {
    const call = performance.now();
    try {
      const seen: Omit<ReadRecord, 'ret'>[] = [];
      for await (const entry of this.#client.entries({ slots: [slot], timeoutMs: 10_000 }))
        seen.push({
          client: this.#recorder.nextClient(),
          key: Buffer.from(entry.key).toString('latin1'),
          call,
          op: { kind: 'get', level: 'eventual' },
          result: answerOf(entry),
        });
      const ret = performance.now();
      for (const each of seen) this.#recorder.note({ ...each, ret });
      this.lists++;
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
    }
  }
}
