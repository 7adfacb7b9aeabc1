/** For tests: a whole cluster in one process, on free ports and in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningCoordinator, startCoordinator } from '../coordinator/start.ts';
import { openDiskStateStore } from '../coordinator/state-store/disk.ts';
import { type RunningNode, startNode } from '../node/start.ts';
import type { Store } from '../node/store/store.ts';
import { parseClusterFile } from '../process/cluster-file.ts';
import type { CoordinatorView } from '../protocol/coordinator/contract.ts';
import { nodeName } from '../protocol/words.ts';
import type { Log } from '../transport/log.ts';

export interface Logged {
  readonly who: string;
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface StartOptions {
  /** @default true */
  readonly init?: boolean;
  /** @default a folder that has its name */
  readonly data?: string;
  /** @default fails the test */
  readonly onFatal?: (error: unknown) => void;
  /** Port under which others reach its links. @default that of the links */
  readonly advertisePort?: number;
  readonly wrapStore?: (store: Store) => Store;
}

export class TestCluster {
  readonly folder: string;
  readonly logged: Logged[] = [];
  readonly nodes = new Map<string, RunningNode>();
  readonly coordinators = new Map<string, RunningCoordinator>();
  readonly #file: string;
  readonly coordinatorAddresses: readonly string[];
  /** Where each node was reached first: it comes back there. */
  readonly #ports = new Map<string, number>();

  /** `more` goes into the cluster's file. */
  static async make(more: Readonly<Record<string, unknown>> = {}, coordinators = 1): Promise<TestCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'chain-cluster-'));
    const addresses: string[] = [];
    for (let i = 0; i < coordinators; i++) addresses.push(`127.0.0.1:${await freePorts()}`);
    return new TestCluster(folder, addresses, more);
  }

  private constructor(folder: string, addresses: readonly string[], more: Readonly<Record<string, unknown>>) {
    this.folder = folder;
    this.coordinatorAddresses = addresses;
    this.#file = JSON.stringify({
      cluster: 'test',
      slots: 4,
      nodes: 3,
      replicationFactor: 3,
      coordinators: addresses,
      stateStore: { kind: 'disk', path: join(folder, 'state') },
      // Faster than in operation, yet slow enough for a machine that has other things to do.
      timings: { coordinatorLeaseMs: 1500, coordinatorRenewMs: 300 },
      ...more,
    });
  }

  async startCoordinator(
    name: string,
    address = this.coordinatorAddresses[0] ?? '',
  ): Promise<RunningCoordinator> {
    const port = Number(address.split(':')[1]);
    const running = await startCoordinator(
      {
        file: 'cluster.json',
        cluster: parseClusterFile('cluster.json', this.#file),
        name,
        address,
        listen: '127.0.0.1',
        ports: { link: port, grpc: port + 1, admin: port + 2 },
        remoteCommands: false,
      },
      {
        log: this.#log(name),
        stateStore: await openDiskStateStore(join(this.folder, 'state')),
        onFatal: (error) => this.#fatal(name, error),
        processFigures: false,
      },
    );
    this.coordinators.set(name, running);
    return running;
  }

  async startNode(name: string, options: StartOptions = {}): Promise<RunningNode> {
    const running = await startNode(
      {
        cluster: parseClusterFile('cluster.json', this.#file),
        name: nodeName(name),
        data: options.data ?? join(this.folder, name),
        init: options.init ?? true,
        listen: '127.0.0.1',
        advertise: '127.0.0.1',
        ports: { link: this.#ports.get(name) ?? 0, grpc: 0, admin: 0 },
        advertisePort: options.advertisePort ?? 0,
        zone: '',
        host: '',
        weight: 1,
        lockWaitMs: 1000,
        leaveMs: 10_000,
      },
      {
        log: this.#log(name),
        onFatal: options.onFatal ?? ((error) => this.#fatal(name, error)),
        processFigures: false,
        ...(options.wrapStore === undefined ? {} : { wrapStore: options.wrapStore }),
      },
    );
    this.nodes.set(name, running);
    this.#ports.set(name, running.ports.link);
    return running;
  }

  /** Addresses of the links of all running nodes. */
  get addresses(): string[] {
    return [...this.nodes.values()].map((node) => `127.0.0.1:${node.ports.link}`);
  }

  view(): CoordinatorView {
    const views = [...this.coordinators.values()].map((c) => c.host.view());
    return views.find((v) => v.leading) ?? (views[0] as CoordinatorView);
  }

  /** Waits until the leader says so. @throws Error with what it says instead, after `ms`. */
  async until(what: string, holds: (view: CoordinatorView) => boolean, ms = 20_000): Promise<void> {
    const end = performance.now() + ms;
    while (!holds(this.view())) {
      if (performance.now() > end) throw new Error(`never ${what}: ${JSON.stringify(this.view())}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until every chain has all the members that the manifest wants. */
  full(): Promise<void> {
    return this.until('full', (v) => v.leading && v.chains.length > 0 && v.chains.every((c) => c.full));
  }

  async kill(name: string): Promise<void> {
    await this.nodes.get(name)?.kill();
    this.nodes.delete(name);
  }

  /** Ends everything as a crash would, and removes the folder. */
  async end(): Promise<void> {
    for (const node of this.nodes.values()) await node.kill();
    for (const coordinator of this.coordinators.values()) await coordinator.kill();
    // What a killed coordinator was writing to its state store may still arrive.
    await rm(this.folder, { recursive: true, maxRetries: 10, retryDelay: 50 });
  }

  #log(who: string): Log {
    return (level, event, fields) => this.logged.push({ who, level, event, fields });
  }

  /** A broken core fails the test that is running. */
  #fatal(who: string, error: unknown): void {
    setImmediate(() => {
      throw new Error(`${who} cannot go on`, { cause: error });
    });
  }
}

/** The first of three ports in a row that are free now. */
async function freePorts(): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await Promise.all([first, first + 1, first + 2].map(isFree));
    if (free.every(Boolean)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)));
  });
}
