/** A cluster in this process whose stores are late and whose links are held, with clients that write and read all the while. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChainError, type Client, connect } from '../../client/index.ts';
import { TestCluster } from '../../cluster-test/cluster.fixture.ts';
import type { CoordinatorView } from '../../protocol/coordinator/contract.ts';
import { createRandom, type Random } from '../../sim/random.ts';
import { patient } from '../load/patient.ts';
import { Network } from '../network/network.ts';
import { type LinkProxy, startProxy } from '../network/proxy.ts';
import { type Chaos, chaosStore, type Unkind } from './chaos-store.ts';
import { isDelete, Ledger } from './ledger.ts';

export interface LabPlan {
  readonly seed: number;
  readonly slots: number;
  readonly durability: 'fsync' | 'os';
  /** Keys that are written now and then: most of a copy. */
  readonly coldKeys: number;
  readonly readMs: number;
  readonly writeMs: number;
}

export const names = ['n1', 'n2', 'n3'] as const;
/** Faster than in operation by far; the read lease stays above what a busy machine takes for a turn. */
const timings = {
  heartbeatMs: 80,
  readLeaseMs: 500,
  suspectMs: 400,
  deadMs: 900,
  coordinatorLeaseMs: 3000,
  coordinatorRenewMs: 500,
  beaconMs: 20,
};
/** One below what makes a node flap. */
const killsMax = 3;
/** A busy machine may take a living node for dead, which then waits a minute. */
const fullMs = 90_000;
const writers = 4;
const readers = 2;

export class ChaosLab {
  readonly cluster: TestCluster;
  readonly network = new Network();
  readonly random: Random;
  readonly ledger = new Ledger();
  /** What no read may show. */
  readonly wrong: string[] = [];
  readonly unkind: Unkind = { late: 0, short: 0 };
  writes = 0;
  reads = 0;
  readonly #plan: LabPlan;
  readonly #proxies = new Map<string, LinkProxy>();
  readonly #kills = new Map<string, number>();
  #client: Client | null = null;
  #busy: Promise<void>[] = [];
  #stopped = false;

  static async start(plan: LabPlan): Promise<ChaosLab> {
    const cluster = await TestCluster.make({
      slots: plan.slots,
      durability: plan.durability,
      timings,
      config: { logRetentionMiB: 1, copyMiBPerSecond: 1000, maxConcurrentMoves: plan.slots },
    });
    const lab = new ChaosLab(cluster, plan);
    await cluster.startCoordinator('c1');
    await Promise.all(names.map((name) => lab.startNode(name)));
    await lab.full();
    lab.#client = await connect({ endpoints: cluster.addresses, timeoutMs: 20_000 });
    await lab.#fill();
    return lab;
  }

  private constructor(cluster: TestCluster, plan: LabPlan) {
    this.cluster = cluster;
    this.#plan = plan;
    this.random = createRandom(plan.seed);
  }

  get client(): Client {
    if (this.#client === null) throw new Error('the cluster is not there yet');
    return this.#client;
  }

  /** Writers of hot and cold keys, and readers of any member, until `quiet`. */
  begin(): void {
    this.#stopped = false;
    for (let w = 0; w < writers; w++) this.#busy.push(this.#write(w, this.random.fork()));
    for (let r = 0; r < readers; r++) this.#busy.push(this.#read(this.random.fork()));
  }

  async quiet(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#busy.splice(0));
  }

  async startNode(name: string): Promise<void> {
    const { slots, readMs, writeMs } = this.#plan;
    let proxy = this.#proxies.get(name);
    if (proxy === undefined) {
      const target = (): number => this.cluster.nodes.get(name)?.ports.link ?? 1;
      proxy = await startProxy({ name, network: this.network, port: 0, target });
      this.#proxies.set(name, proxy);
    }
    const chaos: Chaos = { random: this.random.fork(), slots, readMs, writeMs, shortPages: 0.8 };
    await this.cluster.startNode(name, {
      advertisePort: proxy.port,
      wrapStore: (store) => chaosStore(store, chaos, this.unkind),
    });
  }

  /** Nodes that may die once more before the coordinator leaves them out for a while. */
  get steady(): string[] {
    return names.filter((name) => (this.#kills.get(name) ?? 0) < killsMax);
  }

  full(): Promise<void> {
    const isFull = (view: CoordinatorView): boolean =>
      view.leading && view.chains.length > 0 && view.chains.every((chain) => chain.full);
    return this.cluster.until('full', isFull, fullMs);
  }

  /** It comes back with nothing. */
  async wipe(name: string, awayMs: number): Promise<void> {
    const runOf = (view: CoordinatorView): number =>
      view.nodes.find(({ node }) => node === name)?.incarnation ?? 0;
    const before = runOf(this.cluster.view());
    await this.#kill(name);
    await rm(join(this.cluster.folder, name), { recursive: true });
    await sleep(awayMs);
    await this.startNode(name);
    // Until then the old chain looks full.
    await this.cluster.until(`${name} known in its new run`, (view) => runOf(view) > before, fullMs);
  }

  async restart(name: string, awayMs: number): Promise<void> {
    await this.#kill(name);
    await sleep(awayMs);
    await this.startNode(name);
  }

  /** Every key at every member by itself; what differs or was lost goes to `wrong`. */
  async compare(): Promise<void> {
    for (const key of this.ledger.keys) {
      const { acknowledged } = this.ledger.line(key);
      const seen = await Promise.all(names.map((name) => patient(() => this.#at(key, name))));
      for (const [i, { value }] of seen.entries())
        this.#judge(`${names[i]}, afterwards`, key, value, acknowledged);
      if (new Set(seen.map((each) => JSON.stringify(each))).size > 1)
        this.wrong.push(
          `${key} differs: ${seen.map((s, i) => `${names[i]} ${JSON.stringify(s)}`).join(', ')}`,
        );
    }
  }

  async end(): Promise<void> {
    this.#stopped = true;
    this.#client?.close();
    await Promise.all(this.#busy);
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()));
    await this.cluster.end();
  }

  async #kill(name: string): Promise<void> {
    this.#kills.set(name, (this.#kills.get(name) ?? 0) + 1);
    await this.cluster.kill(name);
  }

  async #at(key: string, node: string) {
    const found = await this.client.get(key, { node });
    return { value: found.found ? found.text() : null, revision: found.revision, version: found.version };
  }

  #judge(who: string, key: string, value: string | null, acknowledged: number): void {
    const why = this.ledger.wrong(key, value, acknowledged);
    if (why !== '') this.wrong.push(`${who}: ${why}`);
  }

  async #fill(): Promise<void> {
    const cold = Array.from({ length: this.#plan.coldKeys }, (_, i) => coldKey(i));
    await Promise.all(cold.map((key) => this.#writeOnce(key)));
  }

  /** Every writer has keys of its own, so that it knows what they hold. */
  async #write(w: number, random: Random): Promise<void> {
    const cold = Math.ceil(this.#plan.coldKeys / writers);
    while (!this.#stopped) {
      const isHot = random.chance(0.4);
      const number = random.int(cold) * writers + w;
      await this.#writeOnce(isHot ? `hot-${w}-${random.int(2)}` : coldKey(number % (cold * writers)));
      if (random.chance(0.1)) await sleep(random.between(0, 5));
    }
  }

  async #writeOnce(key: string): Promise<void> {
    const line = this.ledger.line(key);
    line.sent++;
    const n = line.sent;
    try {
      if (isDelete(n)) await this.client.delete(key);
      else await this.client.put(key, `${n}`.padEnd(64, '.'));
      line.acknowledged = n;
      this.writes++;
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
    }
  }

  async #read(random: Random): Promise<void> {
    while (!this.#stopped) {
      const key = random.pick(this.ledger.keys);
      const node = random.pick(names);
      const { acknowledged } = this.ledger.line(key);
      try {
        const { value } = await this.#at(key, node);
        this.#judge(`a strong read at ${node}`, key, value, acknowledged);
        this.reads++;
      } catch (error) {
        if (!(error instanceof ChainError)) throw error;
      }
      await sleep(random.between(0, 4));
    }
  }
}

const coldKey = (i: number): string => `cold-${i}`;
