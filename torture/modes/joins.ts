/** A node is replaced by a blank one again and again, under 64 writers and with readers at every member. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChainError, type Client, connect } from '../../client/index.ts';
import { createRandom, type Random } from '../../sim/random.ts';
import type { Rig } from '../rig/rig.ts';
import { compareKnown } from './compare.ts';
import { KnownKeys } from './known.ts';

export interface JoinOptions {
  readonly joins: number;
  readonly keys: number;
  readonly writers: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

const valueBytes = 1024;
const readers = 8;
const fullMs = 180_000;

/** What was found wrong, in sentences. */
export async function joins(rig: Rig, options: JoinOptions): Promise<string[]> {
  const { joins: count, keys: keyCount, writers, seed, tell } = options;
  const random = createRandom(seed);
  const client = await connect({ endpoints: rig.endpoints, timeoutMs: 30_000 });
  const keys = new KnownKeys(() => valueBytes);
  const wrong: string[] = [];
  try {
    await fill(client, keys, keyCount, writers);
    tell(`${keyCount} keys of ${valueBytes} bytes are there`);
    for (let i = 1; i <= count && wrong.length === 0; i++) {
      const load = new JoinLoad(client, keys, keyCount, random.fork(), rig);
      load.begin(writers);
      await sleep(300);
      const { name } = random.pick(rig.nodes);
      const began = performance.now();
      const before = keys.writes;
      await rig.kill(name);
      await rig.empty(name);
      rig.revive(name);
      // The old chain may still look full: its members have not noticed yet.
      await sleep(1500);
      if (!(await rig.full(fullMs)))
        wrong.push(`chains are not full ${fullMs / 1000} s after ${name} was replaced`);
      const seconds = (performance.now() - began) / 1000;
      await load.end();
      wrong.push(...load.stale, ...(await compareKnown(client, keys)));
      const rate = ((keys.writes - before) / seconds).toFixed(0);
      tell(
        `join ${i}: ${name} blank, full after ${seconds.toFixed(1)} s under ${rate} writes/s; ${load.reads} reads of single members, ${wrong.length} wrong`,
      );
    }
  } finally {
    client.close();
  }
  return wrong;
}

const nameOf = (i: number): string => `join/${i}`;

async function fill(client: Client, keys: KnownKeys, count: number, atOnce: number): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await keys.write(client, nameOf(next++));
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

class JoinLoad {
  readonly stale: string[] = [];
  reads = 0;
  #stopped = false;
  #busy: Promise<void>[] = [];
  readonly #client: Client;
  readonly #keys: KnownKeys;
  readonly #count: number;
  readonly #random: Random;
  readonly #rig: Rig;

  constructor(client: Client, keys: KnownKeys, count: number, random: Random, rig: Rig) {
    this.#client = client;
    this.#keys = keys;
    this.#count = count;
    this.#random = random;
    this.#rig = rig;
  }

  begin(writers: number): void {
    for (let w = 0; w < writers; w++) this.#busy.push(this.#write(w, writers));
    for (let r = 0; r < readers; r++) this.#busy.push(this.#read());
  }

  async end(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#busy);
  }

  /** Half of the writes meet an eighth of the writer's keys. */
  async #write(w: number, writers: number): Promise<void> {
    const own = Math.floor(this.#count / writers);
    while (!this.#stopped) {
      const span = this.#random.chance(0.5) ? Math.max(1, own >> 3) : own;
      await this.#keys.write(this.#client, nameOf(this.#random.int(span) * writers + w));
    }
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      const key = nameOf(this.#random.int(this.#count));
      const { name } = this.#random.pick(this.#rig.nodes);
      try {
        const { wrong } = await this.#keys.readAt(this.#client, key, name);
        this.reads++;
        if (wrong !== '') this.stale.push(wrong);
      } catch (error) {
        // It is down, or no member: the next read asks another.
        if (!(error instanceof ChainError)) throw error;
        await sleep(5);
      }
    }
  }
}
