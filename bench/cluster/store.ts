/** This store as local processes: one coordinator and some storage nodes, on free ports and a folder of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from './child.ts';
import { freePorts } from './ports.ts';
import { type System, until } from './system.ts';

export interface StoreOptions {
  readonly folder: string;
  readonly nodes: number;
  readonly replicationFactor: number;
  readonly slots: number;
  readonly durability: 'fsync' | 'os';
  /** Write a CPU profile of each node into its folder when it ends. */
  readonly profile?: boolean;
  readonly timings?: Readonly<Record<string, number>>;
}

export interface Store extends System {
  readonly nodes: readonly StoreNode[];
  readonly coordinator: Child;
  /** `host:port` of each node's gRPC front. */
  readonly grpcEndpoints: readonly string[];
  /** What the coordinator says of the chains. */
  view(): Promise<View>;
  /** Resolves when every chain has its whole length. */
  whole(timeoutMs: number): Promise<void>;
}

export interface StoreNode {
  readonly name: string;
  readonly child: Child;
  readonly address: string;
  /** Its data folder. */
  readonly data: string;
  /** What the node says of itself. */
  state(): Promise<unknown>;
}

/** The part of the coordinator's /state that is read here. */
export interface View {
  readonly chains: readonly {
    readonly slot: number;
    readonly full: boolean;
    readonly members: readonly { readonly node: string }[];
  }[];
}

const root = join(import.meta.dirname, '..', '..');
const startMs = 60_000;
/** Links, gRPC and admin server of a process have neighbouring ports. */
const portsAbove = 2;

export async function startStore(options: StoreOptions): Promise<Store> {
  const { folder, nodes: count, durability } = options;
  mkdirSync(folder, { recursive: true });
  const [control, ...ports] = (await freePorts(count + 1, portsAbove)) as [number, ...number[]];
  const config = writeConfig(options, control);
  const coordinator = new Child({
    name: 'coordinator',
    command: process.execPath,
    args: [join(root, 'coordinator/main.ts'), '--config', config, '--listen', '127.0.0.1'],
    folder,
  });
  const nodes = ports.map((port, i) => startNode(options, `n${i + 1}`, port, config));
  const children = [coordinator, ...nodes.map((node) => node.child)];
  const view = (): Promise<View> => getState(control + portsAbove) as Promise<View>;
  const store: Store = {
    name: `chaincluster ${durability}`,
    kind: 'chaincluster',
    durability:
      durability === 'fsync' ? 'fsync at every member' : 'handed to every member’s operating system',
    replicas: options.replicationFactor,
    endpoints: ports.map((port) => `127.0.0.1:${port}`),
    grpcEndpoints: ports.map((port) => `127.0.0.1:${port + 1}`),
    get pids() {
      return children.filter((child) => !child.ended).map((child) => child.pid);
    },
    nodes,
    coordinator,
    view,
    whole: (timeoutMs) =>
      until(`a full length of all ${options.slots} chains`, timeoutMs, async () => {
        for (const child of children) child.mustRun();
        const { chains } = await view().catch(() => ({ chains: [] }) as View);
        return chains.length === options.slots && chains.every((chain) => chain.full);
      }),
    // At once: a measurement needs no clean end, and its data is thrown away. Profiles are written at a clean end only.
    async stop() {
      const signal = options.profile === true ? 'SIGTERM' : 'SIGKILL';
      await Promise.all(children.map((child) => child.stop(signal)));
    },
  };
  try {
    await store.whole(startMs);
  } catch (error) {
    await store.stop();
    throw error;
  }
  return store;
}

function startNode(options: StoreOptions, name: string, port: number, config: string): StoreNode {
  const data = join(options.folder, name);
  const profile = options.profile === true ? ['--cpu-prof', '--cpu-prof-dir', data] : [];
  const args = ['--config', config, '--name', name, '--data', data, '--init'];
  const child = new Child({
    name,
    command: process.execPath,
    args: [
      ...profile,
      join(root, 'node/main.ts'),
      ...args,
      '--listen',
      '127.0.0.1',
      '--port',
      String(port),
      '--leave-ms',
      '0',
    ],
    folder: options.folder,
  });
  return { name, child, data, address: `127.0.0.1:${port}`, state: () => getState(port + portsAbove) };
}

function writeConfig(options: StoreOptions, control: number): string {
  const path = join(options.folder, 'cluster.json');
  const { slots, replicationFactor, nodes, durability, timings = {} } = options;
  const config = {
    cluster: 'bench',
    slots,
    replicationFactor,
    nodes,
    durability,
    timings,
    config: { logLevel: 'warn', maxConcurrentMoves: 64 },
    coordinators: [`127.0.0.1:${control}`],
    stateStore: { kind: 'disk', path: join(options.folder, 'coordinator') },
  };
  writeFileSync(path, JSON.stringify(config, null, 2));
  return path;
}

async function getState(port: number): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/state`);
  return response.json();
}
