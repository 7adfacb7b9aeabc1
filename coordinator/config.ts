/** The settings of one coordinator process: flags before environment before the cluster's file. */
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { type ClusterFile, readClusterFile } from '../process/cluster-file.ts';
import { ConfigError } from '../process/endings.ts';
import { type Env, portOf, refuseFlags } from '../process/options.ts';
import type { Desired } from '../protocol/coordinator/contract.ts';
import { nodeName } from '../protocol/words.ts';
import { parseAddress } from '../transport/socket.ts';

export interface CoordinatorSettings {
  readonly file: string;
  readonly cluster: ClusterFile;
  /** Unique among the coordinators. */
  readonly name: string;
  /** Its own entry in `cluster.coordinators`. */
  readonly address: string;
  /** Address of this machine to listen on. */
  readonly listen: string;
  readonly ports: { readonly link: number; readonly grpc: number; readonly admin: number };
  /** Commands over HTTP are taken from this machine only, unless this is true. */
  readonly remoteCommands: boolean;
}

export const coordinatorUsage = `Usage: node coordinator/main.ts --config FILE [options]

Runs one coordinator of a cluster.

  --config FILE      the cluster's configuration (JSON)                      [CHAIN_CONFIG]
  --name NAME        unique among the coordinators                           [POD_NAME, else address]
  --address H:P      its own entry of "coordinators" in the file             [the one that begins with its name, or the only one]
  --listen HOST      address of this machine to listen on                    [CHAIN_LISTEN, 0.0.0.0]
  --port N           links of nodes and clients                              [the port of --address]
  --grpc-port N      gRPC                                                    [one above --port]
  --admin-port N     health, metrics, state, commands                        [two above --port]
  --remote-commands  take commands over HTTP from other machines too`;

/** @throws ConfigError with a sentence for everything that is wrong. */
export async function readCoordinatorSettings(
  args: readonly string[],
  env: Env,
): Promise<CoordinatorSettings> {
  const { values } = refuseFlags(() =>
    parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        name: { type: 'string' },
        address: { type: 'string' },
        listen: { type: 'string' },
        port: { type: 'string' },
        'grpc-port': { type: 'string' },
        'admin-port': { type: 'string' },
        'remote-commands': { type: 'boolean', default: false },
      },
    }),
  );
  const file = values.config ?? env.CHAIN_CONFIG;
  if (file === undefined)
    throw new ConfigError(['--config is missing: name the configuration file of the cluster']);
  const cluster = await readClusterFile(file);
  if (cluster.stateStore.kind === 'none')
    throw new ConfigError([
      `${file}: stateStore is missing; it must say where coordinators keep their state`,
    ]);
  const given = values.name ?? env.POD_NAME;
  const address = values.address ?? ownAddress(cluster.coordinators, given ?? hostname());
  if (!cluster.coordinators.includes(address))
    throw new ConfigError([
      `--address ${address} is not one of the coordinators in ${file}: ${cluster.coordinators.join(', ')}`,
    ]);
  const link = portOf('--port', values.port, parseAddress(address).port);
  return {
    file,
    cluster,
    name: given ?? address,
    address,
    listen: values.listen ?? env.CHAIN_LISTEN ?? '0.0.0.0',
    ports: {
      link,
      grpc: portOf('--grpc-port', values['grpc-port'], link + 1),
      admin: portOf('--admin-port', values['admin-port'], link + 2),
    },
    remoteCommands: values['remote-commands'],
  };
}

function ownAddress(coordinators: readonly string[], name: string): string {
  const only = coordinators.length === 1 ? coordinators[0] : undefined;
  const own =
    coordinators.find((address) => address.startsWith(`${name}.`) || address.startsWith(`${name}:`)) ?? only;
  if (own !== undefined) return own;
  throw new ConfigError([
    `no coordinator's address begins with ${name}; say which of ${coordinators.join(', ')} is its own with --address`,
  ]);
}

/** What the file wants of the cluster. */
export const desiredOf = (file: ClusterFile): Desired => ({
  slots: file.slots,
  replicationFactor: file.replicationFactor,
  nodes: file.nodes,
  begun: file.begun,
  drain: file.drain.map(nodeName),
  timings: file.timings,
  osRestart: file.osRestart,
  concurrentMoves: file.config.maxConcurrentMoves,
});
