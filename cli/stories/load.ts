/**
 * A load on every slot at once: for each a writer that puts rising numbers under one key, and a reader of another key that
 * nobody writes. Keeps when each slot was answered, and in the end compares what is there with what was acknowledged.
 */
import { type ChainError, type Client, connect } from '../../client/index.ts';

export interface Load {
  /** Calls that ended with an error. */
  readonly failures: readonly string[];
  readonly writes: number;
  readonly reads: number;
  /** Time from `since` until every slot was written again, in ms; of the slowest slot. */
  resumedAfter(since: number): Promise<number>;
  /** The longest time that any slot's reads had no answer since `since`, in ms. */
  readPause(since: number): number;
  /** Stops, and checks every slot. @throws Error naming what was acknowledged and is not there */
  end(): Promise<void>;
}

interface SlotLoad {
  readonly key: string;
  readonly fixed: string;
  /** The number of the newest write that was acknowledged, and of the newest that was sent. */
  acknowledged: number;
  sent: number;
  writtenAt: number;
  readAt: number;
  longestReadPause: { from: number; ms: number }[];
}

/** Pause of one writer or reader between two calls: the machine has few cores and runs the cluster as well. */
const restMs = 10;

export async function startLoad(endpoints: readonly string[], slots: number): Promise<Load> {
  const client = await connect({ endpoints, timeoutMs: 20_000 });
  const loads = keysOfSlots(client, slots);
  await Promise.all(loads.map(({ fixed }) => client.put(fixed, 'fixed')));
  const control = new Running(client, loads);
  control.begin();
  return control;
}

class Running implements Load {
  readonly failures: string[] = [];
  writes = 0;
  reads = 0;
  readonly #client: Client;
  readonly #loads: readonly SlotLoad[];
  #workers: Promise<void>[] = [];
  #stopped = false;

  constructor(client: Client, loads: readonly SlotLoad[]) {
    this.#client = client;
    this.#loads = loads;
  }

  begin(): void {
    this.#workers = this.#loads.flatMap((load) => [this.#write(load), this.#read(load)]);
  }

  async resumedAfter(since: number): Promise<number> {
    const missing = (): SlotLoad[] => this.#loads.filter(({ writtenAt }) => writtenAt <= since);
    const until = performance.now() + 30_000;
    const first = new Map<SlotLoad, number>();
    while (missing().length > 0 || first.size < this.#loads.length) {
      for (const load of this.#loads)
        if (load.writtenAt > since && !first.has(load)) first.set(load, load.writtenAt);
      if (performance.now() > until) throw new Error(`${missing().length} slots take no writes after 30 s`);
      await rest(1);
    }
    return Math.max(...first.values()) - since;
  }

  readPause(since: number): number {
    const now = performance.now();
    return Math.max(
      ...this.#loads.flatMap(({ longestReadPause, readAt }) => [
        now - Math.max(readAt, since),
        ...longestReadPause.filter(({ from, ms }) => from + ms > since).map(({ ms }) => ms),
      ]),
    );
  }

  async end(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
    try {
      for (const load of this.#loads) await this.#check(load);
    } finally {
      this.#client.close();
    }
  }

  async #write(load: SlotLoad): Promise<void> {
    while (!this.#stopped) {
      load.sent++;
      const began = performance.now();
      try {
        await this.#client.put(load.key, `${load.sent}`);
        load.acknowledged = load.sent;
        load.writtenAt = Math.max(load.writtenAt, began);
        load.writtenAt = performance.now();
        this.writes++;
      } catch (error) {
        this.#fail('put', error);
      }
      await rest(restMs);
    }
  }

  async #read(load: SlotLoad): Promise<void> {
    while (!this.#stopped) {
      const from = performance.now();
      try {
        const found = await this.#client.get(load.fixed);
        if (!found.found || found.text() !== 'fixed') this.failures.push(`get ${load.fixed}: a wrong value`);
        load.readAt = performance.now();
        load.longestReadPause.push({ from, ms: load.readAt - from });
        this.reads++;
      } catch (error) {
        this.#fail('get', error);
      }
      await rest(restMs);
    }
  }

  #fail(what: string, error: unknown): void {
    this.failures.push(`${what}: ${(error as ChainError).code}: ${(error as Error).message}`);
  }

  async #check({ key, acknowledged, sent }: SlotLoad): Promise<void> {
    const found = await this.#client.get(key);
    const value = found.found ? Number(found.text()) : 0;
    if (value < acknowledged || value > sent)
      throw new Error(`${key}: ${acknowledged} was acknowledged, and ${value} is there`);
  }
}

/** Two keys for each slot, found by trying names. */
function keysOfSlots(client: Client, slots: number): SlotLoad[] {
  const keys: string[] = [];
  for (let i = 0, found = 0; found < slots; i++) {
    const name = `story/${i}`;
    const slot = client.slotOf(name);
    if (keys[slot] !== undefined) continue;
    keys[slot] = name;
    found++;
  }
  return keys.map((name) => ({
    key: `{${name}}/written`,
    fixed: `{${name}}/fixed`,
    acknowledged: 0,
    sent: 0,
    writtenAt: 0,
    readAt: performance.now(),
    longestReadPause: [],
  }));
}

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
