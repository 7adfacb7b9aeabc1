import type { ChainCluster, ChainClusterSpec } from '../../manifest/types.ts';
import { hashOf } from '../runtime/same.ts';
import type { ConfigMap } from './kinds.ts';
import { childMeta, coordinatorAddresses, namesOf } from './names.ts';

export const configKey = 'cluster.json';
export const configFolder = '/etc/chaincluster';
export const configFile = `${configFolder}/${configKey}`;

/** The file that every process of the cluster reads; coordinators read it again when it changes. */
export interface ClusterFile
  extends Pick<
    ChainClusterSpec,
    | 'slots'
    | 'replicationFactor'
    | 'nodes'
    | 'durability'
    | 'osRestart'
    | 'timings'
    | 'limits'
    | 'config'
    | 'scrub'
    | 'drain'
    | 'paused'
  > {
  cluster: string;
  namespace: string;
  /** Stores and state carry it: a volume of another cluster is refused. '' = not known yet; the stores say. */
  clusterId: string;
  /** A cluster has begun here: coordinators that find no state have lost it and found no other. */
  begun: boolean;
  /** `host:port` of each coordinator's control link. */
  coordinators: string[];
  /** Where the coordinators elect their leader and keep their state. */
  stateStore: { kind: 'kubernetes'; lease: string; configMap: string };
}

export interface Intent {
  clusterId: string;
  begun: boolean;
  /** Storage nodes that should hold no chains: those that people named and those about to go. */
  drain: readonly string[];
}

export function buildConfigFile(cluster: ChainCluster, { clusterId, begun, drain }: Intent): ClusterFile {
  const { slots, replicationFactor, nodes, durability, osRestart, timings, limits, config, scrub, paused } =
    cluster.spec;
  const { lease, state } = namesOf(cluster);
  return {
    cluster: cluster.metadata.name,
    namespace: cluster.metadata.namespace ?? 'default',
    clusterId,
    begun,
    slots,
    replicationFactor,
    nodes,
    durability,
    osRestart,
    timings,
    limits,
    config,
    scrub,
    drain: [...new Set(drain)].sort(),
    coordinators: coordinatorAddresses(cluster),
    paused,
    stateStore: { kind: 'kubernetes', lease, configMap: state },
  };
}

export function buildConfigMap(cluster: ChainCluster, file: ClusterFile): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: childMeta(cluster, namesOf(cluster).config),
    data: { [configKey]: `${JSON.stringify(file, null, 2)}\n` },
  };
}

/** `undefined` when the object is missing or somebody emptied or broke it. */
export function readConfigMap(configMap: ConfigMap | undefined): ClusterFile | undefined {
  try {
    return JSON.parse(configMap?.data?.[configKey] ?? '') as ClusterFile;
  } catch {
    return undefined;
  }
}

/** Changes exactly when a running process must be restarted to follow the configuration. */
export function settingsHash(cluster: ChainCluster): string {
  const { durability, limits, config, scrub } = cluster.spec;
  return hashOf({ durability, limits, config, scrub });
}
