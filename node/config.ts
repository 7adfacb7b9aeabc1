/** The settings of one storage node's process: flags before environment before the cluster's file. */
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { type ClusterFile, readClusterFile } from '../process/cluster-file.ts';
import { ConfigError } from '../process/endings.ts';
import { type Env, integerOf, portOf, refuseFlags } from '../process/options.ts';
import { type NodeName, nodeName } from '../protocol/words.ts';

export interface NodeSettings {
  readonly cluster: ClusterFile;
  readonly name: NodeName;
  /** Folder of the store. */
  readonly data: string;
  /** Make the store when the folder holds none: this node is meant to begin blank. */
  readonly init: boolean;
  /** Address of this machine to listen on. */
  readonly listen: string;
  /** Host under which others reach this node. */
  readonly advertise: string;
  readonly ports: { readonly link: number; readonly grpc: number; readonly admin: number };
  /** Port under which others reach its links, where it is not their own: behind a forwarded port. 0 = their own. */
  readonly advertisePort: number;
  /** Failure domains; '' = not known. */
  readonly zone: string;
  readonly host: string;
  /** Relative capacity. */
  readonly weight: number;
  /** How long to wait for a process that still holds the store, such as the one before a fast restart. */
  readonly lockWaitMs: number;
  /** How long a stop may wait until the chains go on without this node. */
  readonly leaveMs: number;
}

export const nodeUsage = `Usage: node node/main.ts --config FILE --data DIR [options]

Runs one storage node of a cluster.

  --config FILE      the cluster's configuration (JSON)                      [CHAIN_CONFIG]
  --name NAME        unique among the storage nodes, and kept for ever       [POD_NAME, else the host's name]
  --data DIR         folder of its store                                     [DATA_DIR]
  --init             make a blank store when DIR holds none                  [CHAIN_INIT=true]
  --listen HOST      address of this machine to listen on                    [CHAIN_LISTEN, 0.0.0.0]
  --advertise HOST   host under which others reach it                        [POD_IP, 127.0.0.1]
  --advertise-port N port under which others reach its links                 [--port]
  --port N           links of peers and clients                              [7400]
  --grpc-port N      gRPC                                                    [one above --port]
  --admin-port N     health, metrics, state                                  [two above --port]
  --zone ZONE        failure domain                                          [ZONE]
  --host HOST        smaller failure domain                                  [NODE_NAME]
  --weight N         relative capacity, 1 to 100                             [1]
  --leave-ms N       patience of a stop, until the chains go on without it   [20000]`;

const longestLeaveMs = 3_600_000;
const lockWaitMsDefault = 10_000;

/** @throws ConfigError with a sentence for everything that is wrong. */
export async function readNodeSettings(args: readonly string[], env: Env): Promise<NodeSettings> {
  const { values } = refuseFlags(() => parseArgs({ args: [...args], options: flags }));
  const problems: string[] = [];
  const file = values.config ?? env.CHAIN_CONFIG;
  const data = values.data ?? env.DATA_DIR;
  if (file === undefined) problems.push('--config is missing: name the configuration file of the cluster');
  if (data === undefined) problems.push('--data is missing: name the folder of the store');
  const name = values.name ?? env.POD_NAME ?? hostname();
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/.test(name))
    problems.push(`--name is "${name}"; it must be letters, digits, dots and dashes, at most 253`);
  if (file === undefined || data === undefined || problems.length > 0) throw new ConfigError(problems);
  const link = portOf('--port', values.port, 7400);
  // With a free port for the links, the others are free ones too.
  const next = (by: number): number => (link === 0 ? 0 : link + by);
  return {
    cluster: await readClusterFile(file),
    name: nodeName(name),
    data,
    init: values.init || env.CHAIN_INIT === 'true',
    listen: values.listen ?? env.CHAIN_LISTEN ?? '0.0.0.0',
    advertise: values.advertise ?? (env.POD_IP || '127.0.0.1'),
    ports: {
      link,
      grpc: portOf('--grpc-port', values['grpc-port'], next(1)),
      admin: portOf('--admin-port', values['admin-port'], next(2)),
    },
    advertisePort: portOf('--advertise-port', values['advertise-port'], 0),
    zone: values.zone ?? env.ZONE ?? '',
    host: values.host ?? env.NODE_NAME ?? '',
    weight: integerOf('--weight', values.weight, { min: 1, max: 100, fallback: 1 }),
    lockWaitMs: lockWaitMsDefault,
    leaveMs: integerOf('--leave-ms', values['leave-ms'], { min: 0, max: longestLeaveMs, fallback: 20_000 }),
  };
}

const flags = {
  config: { type: 'string' },
  name: { type: 'string' },
  data: { type: 'string' },
  init: { type: 'boolean', default: false },
  listen: { type: 'string' },
  advertise: { type: 'string' },
  'advertise-port': { type: 'string' },
  port: { type: 'string' },
  'grpc-port': { type: 'string' },
  'admin-port': { type: 'string' },
  zone: { type: 'string' },
  host: { type: 'string' },
  weight: { type: 'string' },
  'leave-ms': { type: 'string' },
} as const;
