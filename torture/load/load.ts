/** The load of a run: clients with sessions of their own, and one that lists. */
import { type Client, connect } from '../../client/index.ts';
import type { Random } from '../../sim/random.ts';
import { Lister } from './lister.ts';
import { Recorder } from './recorder.ts';
import { Worker } from './worker.ts';

export interface LoadOptions {
  readonly endpoints: readonly string[];
  readonly clients: number;
  readonly random: Random;
  /** Operations a second, of all clients, when all is well. */
  readonly rate: number;
  /** Names of hot keys come back after a while, and no history is kept: for long runs. */
  readonly again?: boolean;
}

/** Hot keys get new names so often: the history of one key stays short enough to be searched. */
const renameMs = 10_000;
const namesAgain = 6;
/** Long enough that most calls are answered, whatever happens. */
const timeoutMs = 20_000;

export class Load {
  readonly recorder: Recorder;
  readonly clients: Client[] = [];
  readonly #workers: Worker[] = [];
  #lister: Lister | null = null;

  private constructor(keep: boolean) {
    this.recorder = new Recorder(keep);
  }

  static async start(options: LoadOptions): Promise<Load> {
    const { again = false } = options;
    const load = new Load(!again);
    const { endpoints, clients, random, rate } = options;
    const began = performance.now();
    const turn = (): number => Math.floor((performance.now() - began) / renameMs);
    const prefix = (): string => `hot/${again ? turn() % namesAgain : turn()}`;
    for (let i = 0; i < clients; i++) {
      const client = await connect({ endpoints, timeoutMs });
      load.clients.push(client);
      const own = random.fork();
      const thinkMs = (): number => own.wait((clients / rate) * 1000);
      const worker = new Worker({
        client,
        random: own,
        recorder: load.recorder,
        prefix,
        thinkMs,
        unique: i.toString(36),
      });
      load.#workers.push(worker);
      worker.start();
    }
    load.#lister = new Lister(load.clients[0] as Client, load.recorder);
    load.#lister.start();
    return load;
  }

  get lists(): number {
    return this.#lister?.lists ?? 0;
  }

  /** Resolves when the last call is over. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.#workers, ...(this.#lister === null ? [] : [this.#lister])].map((w) => w.stop()),
    );
  }

  close(): void {
    for (const client of this.clients) client.close();
  }
}
