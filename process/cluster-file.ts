/**
 * The configuration file that every process of a cluster reads (JSON): what the ChainCluster resource says, where the
 * coordinators are, and where they keep their state. Fields that it does not know are left alone, so that a file of a
 * newer release can be read.
 */
import { readFile } from 'node:fs/promises';
import { limits } from '../protocol/limits.ts';
import type { ScrubPace } from '../protocol/node/contract.ts';
import { checkTimings, defaultTimings, type Timings } from '../protocol/timings.ts';
import { ConfigError } from './endings.ts';
import { Fields } from './fields.ts';

export interface ClusterFile {
  readonly cluster: string;
  /** '' outside Kubernetes. */
  readonly namespace: string;
  /** The id that a new cluster gets; '' = a random one. */
  readonly clusterId: string;
  /** A cluster has begun here before: without a state its coordinators have lost it, and begin no other. */
  readonly begun: boolean;
  readonly slots: number;
  readonly replicationFactor: number;
  readonly nodes: number;
  readonly durability: 'fsync' | 'os';
  /** After a power cut of all members of a chain under durability `os`. */
  readonly osRestart: 'wait' | 'longestLog';
  readonly timings: Timings;
  readonly limits: ClusterLimits;
  readonly config: ClusterSettings;
  /** How often nodes read all of their records, and how fast at most. */
  readonly scrub: ScrubPace;
  /** Storage nodes that should hold no chains. */
  readonly drain: readonly string[];
  /** `host:port` of each coordinator's links. The port above it answers gRPC, the next one is its admin server. */
  readonly coordinators: readonly string[];
  readonly stateStore: StateStoreChoice;
}

export interface ClusterLimits {
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Connections that one node accepts. */
  readonly clientConnections: number;
}

export interface ClusterSettings {
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logRetentionMiB: number;
  readonly logRetentionSeconds: number;
  /** Replicas that are copied at once in the whole cluster. */
  readonly maxConcurrentMoves: number;
  /** Bound on what one node sends to joiners. */
  readonly copyMiBPerSecond: number;
}

export type StateStoreChoice =
  /** A folder that all coordinators of this machine share. */
  | { readonly kind: 'disk'; readonly path: string }
  /** A Lease elects, a ConfigMap holds the state; both in the namespace of the file, else of the pod. */
  | { readonly kind: 'kubernetes'; readonly lease: string; readonly configMap: string }
  /** The file names none: only nodes can use it. */
  | { readonly kind: 'none' };

/** @throws ConfigError with a sentence for every field that is wrong. */
export async function readClusterFile(path: string): Promise<ClusterFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigError([`${path} cannot be read: ${(error as Error).message}`]);
  }
  return parseClusterFile(path, text);
}

/** `path` is only for sentences. @throws ConfigError */
export function parseClusterFile(path: string, text: string): ClusterFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError([`${path} is not JSON: ${(error as Error).message}`]);
  }
  const problems: string[] = [];
  const file = parse(new Fields(value, '', problems), problems);
  if (problems.length > 0) throw new ConfigError(problems.map((problem) => `${path}: ${problem}`));
  return file;
}

function parse(f: Fields, problems: string[]): ClusterFile {
  const nodes = f.integer('nodes', { min: 1, max: 1000, fallback: 3 });
  const replicationFactor = f.integer('replicationFactor', {
    min: 1,
    max: limits.chainLength,
    fallback: Math.min(3, nodes),
  });
  f.must(
    replicationFactor <= nodes,
    'replicationFactor',
    `is ${replicationFactor}, but there are only ${nodes} nodes`,
  );
  const coordinators = f.texts('coordinators');
  f.must(coordinators.length > 0, 'coordinators', 'must name at least one address, such as 127.0.0.1:7410');
  for (const address of coordinators)
    f.must(
      addressShape.test(address),
      'coordinators',
      `names ${address}; write host:port, such as 127.0.0.1:7410`,
    );
  return {
    cluster: f.text('cluster'),
    namespace: f.text('namespace', ''),
    clusterId: f.text('clusterId', ''),
    begun: f.flag('begun', false),
    slots: f.integer('slots', { min: 1, max: limits.slots, fallback: 64 }),
    replicationFactor,
    nodes,
    durability: f.oneOf('durability', ['fsync', 'os'], 'fsync'),
    osRestart: f.oneOf('osRestart', ['wait', 'longestLog'], 'wait'),
    timings: timingsOf(f, problems),
    limits: limitsOf(f.object('limits')),
    config: settingsOf(f.object('config')),
    scrub: scrubOf(f.object('scrub')),
    drain: f.texts('drain'),
    coordinators,
    stateStore: stateStoreOf(f),
  };
}

const addressShape = /^(\[[^\]]+\]|[^:]+):\d{1,5}$/;

function timingsOf(f: Fields, problems: string[]): Timings {
  const t = f.object('timings');
  const ms = (name: keyof Timings): number =>
    t.integer(name, { min: name === 'readLeaseMs' ? 0 : 1, max: 3_600_000, fallback: defaultTimings[name] });
  const horizon = { min: 10, max: 86_400, fallback: defaultTimings.dedupeHorizonMs / 1000 };
  const timings: Timings = {
    heartbeatMs: ms('heartbeatMs'),
    readLeaseMs: ms('readLeaseMs'),
    suspectMs: ms('suspectMs'),
    deadMs: ms('deadMs'),
    coordinatorLeaseMs: ms('coordinatorLeaseMs'),
    coordinatorRenewMs: ms('coordinatorRenewMs'),
    beaconMs: ms('beaconMs'),
    clockRate:
      t.number('clockRatePercent', { min: 0, max: 49, fallback: defaultTimings.clockRate * 100 }) / 100,
    dedupeHorizonMs: f.object('config').integer('dedupeHorizonSeconds', horizon) * 1000,
  };
  for (const problem of checkTimings(timings)) problems.push(`timings: ${problem}`);
  return timings;
}

function limitsOf(f: Fields): ClusterLimits {
  return {
    keyBytes: f.integer('keyBytes', { min: 1, max: limits.keyBytes, fallback: limits.keyBytes }),
    valueBytes: f.integer('valueBytes', { min: 1, max: limits.valueBytes, fallback: limits.valueBytes }),
    clientConnections: f.integer('clientConnections', { min: 1, max: 65_536, fallback: 4096 }),
  };
}

function settingsOf(f: Fields): ClusterSettings {
  return {
    logLevel: f.oneOf('logLevel', ['debug', 'info', 'warn', 'error'], 'info'),
    logRetentionMiB: f.integer('logRetentionMiB', { min: 1, max: 1_048_576, fallback: 256 }),
    logRetentionSeconds: f.integer('logRetentionSeconds', { min: 1, max: 31_536_000, fallback: 3600 }),
    maxConcurrentMoves: f.integer('maxConcurrentMoves', { min: 1, max: limits.slots, fallback: 4 }),
    copyMiBPerSecond: f.integer('copyMiBPerSecond', { min: 1, max: 100_000, fallback: 32 }),
  };
}

function scrubOf(f: Fields): ScrubPace {
  return {
    everyMs: f.number('everyHours', { min: 0, max: 8760, fallback: 168 }) * hourMs,
    bytesPerSecond: f.number('miBPerSecond', { min: 0.001, max: 100_000, fallback: 1 }) * mib,
  };
}

const hourMs = 3_600_000;
const mib = 1_048_576;

function stateStoreOf(f: Fields): StateStoreChoice {
  if (!f.has('stateStore')) return { kind: 'none' };
  const s = f.object('stateStore');
  const kind = s.oneOf('kind', ['disk', 'kubernetes'], 'disk');
  if (kind === 'disk') return { kind, path: s.text('path') };
  return { kind, lease: s.text('lease'), configMap: s.text('configMap') };
}
