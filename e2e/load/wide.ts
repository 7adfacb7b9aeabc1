/**
 * Writers over many keys, as fast as they are answered: what a replica that joins meanwhile has to copy. Afterwards each
 * member of every chain is read by itself and held against what was acknowledged: a member that lacks a write shows
 * even while others would answer for it.
 */
import { ChainError, type Client } from '../../client/index.ts';

/** What of a client is used. */
export type WideClient = Pick<Client, 'get' | 'put' | 'route' | 'slotOf' | 'close'>;

export interface WideOptions {
  /** A client that knows the chains of now. */
  readonly connect: () => Promise<WideClient>;
  readonly prefix: string;
  readonly keys: number;
  readonly writers: number;
  readonly valueBytes: number;
  readonly timeoutMs: number;
  /** Longest time that a member gets to show what was committed last. */
  readonly patienceMs: number;
}

/** What the members hold; a healthy cluster leaves every list empty. */
export interface MembersReport {
  readonly keys: number;
  readonly acknowledged: number;
  /** Reads of single members. */
  readonly reads: number;
  /** Members that lack the last acknowledged write of a key, or hold something that was never written. */
  readonly wrong: readonly string[];
  /** Keys of which the members hold different values. */
  readonly different: readonly string[];
  /** Chains that are shorter than they should be, and members that did not answer. */
  readonly missing: readonly string[];
}

interface Key {
  readonly name: string;
  /** Number of the last acknowledged write. */
  acknowledged: number;
  /** Numbers of writes of which nobody knows; each may still take effect. */
  readonly open: Set<number>;
}

const shown = 20;
const readers = 24;

export class Wide {
  readonly #options: WideOptions;
  readonly #keys: readonly Key[];
  readonly #stop = new AbortController();
  #writers: Promise<unknown> = Promise.resolve();
  #number = 0;
  #acknowledged = 0;

  constructor(options: WideOptions) {
    this.#options = options;
    this.#keys = Array.from({ length: options.keys }, (_, n) => ({
      name: `${options.prefix}wide/${n}`,
      acknowledged: 0,
      open: new Set(),
    }));
  }

  /** Writes each key once, then begins to write them in any order. */
  async start(client: WideClient): Promise<void> {
    const own = this.#shares(this.#options.writers);
    await Promise.all(own.map((keys) => this.#each(keys, (key) => this.#write(client, key))));
    this.#writers = Promise.all(own.map((keys) => this.#run(client, keys)));
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#writers;
  }

  /** Reads every member of every chain by itself. */
  async members(replicas: number): Promise<MembersReport> {
    await this.stop();
    const client = await this.#options.connect();
    const wrong: string[] = [];
    const different: string[] = [];
    const missing: string[] = [];
    let reads = 0;
    const look = async (key: Key): Promise<void> => {
      const members = client.route(client.slotOf(key.name))?.members.map(({ node }) => node) ?? [];
      if (members.length < replicas) missing.push(`${key.name}: chain of ${members.join(', ') || 'nobody'}`);
      const held = new Map<string, string>();
      for (const node of members) {
        const found = await this.#held(client, key, node);
        reads++;
        if (found.startsWith('error')) {
          missing.push(`${key.name} at ${node}: ${found}`);
          continue;
        }
        held.set(node, found);
        if (!fits(key, found))
          wrong.push(`${key.name} at ${node}: ${found}, acknowledged ${key.acknowledged}`);
      }
      if (new Set(held.values()).size > 1) different.push(`${key.name}: ${JSON.stringify([...held])}`);
    };
    try {
      await Promise.all(this.#shares(readers).map((keys) => this.#each(keys, look)));
    } finally {
      client.close();
    }
    const some = (lines: string[]): string[] =>
      lines.length <= shown
        ? lines
        : [...lines.slice(0, shown), `and ${lines.length - shown} more of ${this.#keys.length} keys`];
    return {
      keys: this.#keys.length,
      acknowledged: this.#acknowledged,
      reads,
      wrong: some(wrong),
      different: some(different),
      missing: some(missing),
    };
  }

  /** The number of the write whose value the member holds, as text; asked again while it does not fit. */
  async #held(client: WideClient, key: Key, node: string): Promise<string> {
    const until = performance.now() + this.#options.patienceMs;
    for (;;) {
      let found: string;
      try {
        const answer = await client.get(key.name, { node, level: 'eventual', timeoutMs: 2000 });
        found = answer.found ? (answer.text().split(' ')[0] ?? '') : 'nothing';
      } catch (error) {
        found = `error ${(error as Error).message}`;
      }
      if (fits(key, found) || performance.now() >= until) return found;
      await new Promise((resume) => setTimeout(resume, 200));
    }
  }

  async #run(client: WideClient, keys: readonly Key[]): Promise<void> {
    while (!this.#stop.signal.aborted)
      await this.#write(client, keys[Math.floor(Math.random() * keys.length)] as Key);
  }

  /** Writes of one key are never under way together. */
  async #write(client: WideClient, key: Key): Promise<void> {
    this.#number++;
    const number = this.#number;
    const value = `${number} `.padEnd(this.#options.valueBytes, '.');
    try {
      await client.put(key.name, value, { timeoutMs: this.#options.timeoutMs });
      key.acknowledged = number;
      this.#acknowledged++;
    } catch (error) {
      if (!(error instanceof ChainError) || error.outcome !== 'definite') key.open.add(number);
      await new Promise((resume) => setTimeout(resume, 20));
    }
  }

  #shares(count: number): Key[][] {
    return Array.from({ length: count }, (_, at) => this.#keys.filter((_key, n) => n % count === at));
  }

  async #each(keys: readonly Key[], act: (key: Key) => Promise<void>): Promise<void> {
    for (const key of keys) await act(key);
  }
}

function fits({ acknowledged, open }: Key, found: string): boolean {
  const number = found === 'nothing' ? 0 : Number(found);
  return number === acknowledged || open.has(number);
}
