/** What a ChainCluster becomes on one machine: which processes, with which ports, folders and arguments. */
import { join, resolve } from 'node:path';
import type { ChainCluster } from '../manifest/types.ts';

export interface Layout {
  /** Name of the cluster. */
  readonly cluster: string;
  /** The manifest, as the person named it. */
  readonly manifest: string;
  readonly slots: number;
  readonly replicationFactor: number;
  /** Absolute. */
  readonly dataDir: string;
  readonly logDir: string;
  /** The configuration that every process reads. */
  readonly configFile: string;
  readonly coordinators: readonly ProcessPlan[];
  readonly nodes: readonly ProcessPlan[];
}

/** One process. */
export interface ProcessPlan {
  readonly role: 'node' | 'coordinator';
  readonly name: string;
  readonly ports: Ports;
  /** `host:port` of its links. */
  readonly address: string;
  /** Folder of its data. */
  readonly folder: string;
  readonly logFile: string;
}

export interface Ports {
  readonly link: number;
  readonly grpc: number;
  readonly admin: number;
}

/** Each process has this many ports, of which some are spare. */
const portsOfProcess = 10;
/** Local processes talk to nobody else. */
export const localHost = '127.0.0.1';

/** Nodes have the lower ports, so that the first one is where clients look by default. */
export function layOut(cluster: ChainCluster, manifest: string, workingFolder: string): Layout {
  const { spec, metadata } = cluster;
  const dataDir = resolve(workingFolder, spec.local.dataDir);
  const logDir = join(dataDir, 'logs');
  const plan = (role: ProcessPlan['role'], number: number, place: number): ProcessPlan => {
    const name = `${role}-${number}`;
    const link = spec.local.basePort + place * portsOfProcess;
    return {
      role,
      name,
      ports: { link, grpc: link + 1, admin: link + 2 },
      address: `${localHost}:${link}`,
      folder: role === 'node' ? join(dataDir, 'nodes', name) : join(dataDir, 'coordinators'),
      logFile: join(logDir, `${name}.log`),
    };
  };
  return {
    cluster: metadata.name,
    manifest,
    slots: spec.slots,
    replicationFactor: spec.replicationFactor,
    dataDir,
    logDir,
    configFile: join(dataDir, 'cluster.json'),
    nodes: numbers(spec.nodes).map((n) => plan('node', n, n - 1)),
    coordinators: numbers(spec.coordinators).map((n) => plan('coordinator', n, spec.nodes + n - 1)),
  };
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

/** The configuration file of the processes, as JSON. */
export function configOf(cluster: ChainCluster, layout: Layout, clusterId: string): string {
  const { slots, replicationFactor, nodes, durability, osRestart, timings, limits, config, scrub, drain } =
    cluster.spec;
  const file = {
    cluster: layout.cluster,
    clusterId,
    slots,
    replicationFactor,
    nodes,
    durability,
    osRestart,
    timings,
    limits,
    config,
    scrub,
    drain,
    coordinators: layout.coordinators.map(({ address }) => address),
    stateStore: { kind: 'disk', path: join(layout.dataDir, 'coordinators') },
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Arguments of a process; `init`: it begins with a blank store. */
export function argumentsOf(plan: ProcessPlan, layout: Layout, init: boolean): string[] {
  const { link, grpc, admin } = plan.ports;
  const common = [
    ...['--config', layout.configFile, '--name', plan.name, '--listen', localHost],
    ...['--port', `${link}`, '--grpc-port', `${grpc}`, '--admin-port', `${admin}`],
  ];
  if (plan.role === 'coordinator') return [...common, '--address', plan.address];
  // Each process counts as a machine of its own: a chain's members are on different ones.
  const own = ['--data', plan.folder, '--advertise', localHost, '--host', plan.name];
  return [...common, ...own, ...(init ? ['--init'] : [])];
}
