/**
 * The cluster as a whole: its nodes and chains, and orders to it. For tools that look after a cluster; they talk gRPC to
 * any node or coordinator, which passes on to the leading coordinator what only that one knows.
 */
import { ChainError } from '../protocol/errors.ts';
import { nodeName } from '../protocol/words.ts';
import {
  type ClusterMethods,
  clusterService,
  type NodeStatus,
  type ResponseOf,
  type StatusResponse,
} from '../transport/grpc-api.ts';
import { type Calls, openChannel } from '../transport/grpc-channel.ts';
import { parseAddress } from '../transport/socket.ts';

export type { NodeStatus };
export type ClusterStatus = StatusResponse;
export type DrainProgress = ResponseOf<ClusterMethods['drain']>;

export interface ClusterOptions {
  /** `host:port` of links of nodes or coordinators; gRPC is answered one port above. */
  readonly endpoints: readonly string[];
  /** Time for one call, in ms. */
  readonly timeoutMs: number;
}

/** @throws ChainError UNAVAILABLE when no endpoint, or no leading coordinator behind it, answers */
export function clusterStatus(options: ClusterOptions): Promise<ClusterStatus> {
  return ask(options, (calls, call) => calls.status({}, call));
}

/**
 * Orders that a node leaves every chain, or, with `cancel`, that it may take part again. Resolves when the order is saved;
 * asked again it tells how far the node is. @throws ChainError BAD_REQUEST when there is no such node
 */
export function drainNode(
  options: ClusterOptions & { node: string; cancel: boolean },
): Promise<DrainProgress> {
  const { node, cancel } = options;
  return ask(options, (calls, call) => calls.drain({ node: nodeName(node), cancel }, call));
}

type Ask<T> = (calls: Calls<ClusterMethods>, call: { readonly deadlineMs: number }) => Promise<T>;

/** One endpoint after the other: everything asked here may be repeated. */
async function ask<T>({ endpoints, timeoutMs }: ClusterOptions, one: Ask<T>): Promise<T> {
  let last: unknown = new ChainError('BAD_REQUEST', 'no endpoints: name at least one host:port');
  for (const endpoint of endpoints) {
    const channel = openChannel(grpcAddress(endpoint), clusterService);
    try {
      return await one(channel.call, { deadlineMs: Math.ceil(timeoutMs / endpoints.length) });
    } catch (error) {
      if (!(error instanceof ChainError) || error.code === 'BAD_REQUEST') throw error;
      last = error;
    } finally {
      channel.close();
    }
  }
  throw last;
}

function grpcAddress(endpoint: string): string {
  const { host, port } = parseAddress(endpoint);
  return `${host.includes(':') ? `[${host}]` : host}:${port + 1}`;
}
