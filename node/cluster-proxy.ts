/** The Cluster service of a storage node: routes it knows itself, the rest it passes on to the coordinators. */

import { grpcAddressOf } from '../process/addresses.ts';
import { ChainError } from '../protocol/errors.ts';
import type { CallContext, Handlers } from '../transport/grpc.ts';
import { type ClusterMethods, clusterService } from '../transport/grpc-api.ts';
import { type Calls, type Channel, openChannel } from '../transport/grpc-channel.ts';
import type { NodeHost } from './host.ts';

export interface ClusterProxy {
  readonly handlers: Handlers<ClusterMethods>;
  close(): void;
}

export function createClusterProxy(host: () => NodeHost): ClusterProxy {
  const channels = new Map<string, Channel<ClusterMethods>>();
  const channelTo = (coordinator: string): Channel<ClusterMethods> => {
    const known = channels.get(coordinator);
    if (known !== undefined) return known;
    const channel = openChannel(grpcAddressOf(coordinator), clusterService);
    channels.set(coordinator, channel);
    return channel;
  };
  /** One coordinator after the other; each of them knows the leader. All that is passed on may be repeated. */
  const passOn = async <T>(
    { deadlineMs }: CallContext,
    ask: (calls: Calls<ClusterMethods>, options: { readonly deadlineMs: number }) => Promise<T>,
  ): Promise<T> => {
    const { core } = host();
    const { coordinators } = host().config;
    const order = [core.coordinator, ...coordinators.filter((address) => address !== core.coordinator)];
    let last: unknown = new ChainError('UNAVAILABLE', 'this node knows no coordinator');
    for (const coordinator of order)
      try {
        return await ask(channelTo(coordinator).call, { deadlineMs: deadlineMs / order.length });
      } catch (error) {
        if (error instanceof ChainError && error.code === 'BAD_REQUEST') throw error;
        last = error;
      }
    throw last;
  };
  return {
    handlers: {
      topology: () => host().routes,
      status: (_, call) => passOn(call, (calls, options) => calls.status({}, options)),
      drain: (request, call) => passOn(call, (calls, options) => calls.drain(request, options)),
    },
    close() {
      for (const channel of channels.values()) channel.close();
    },
  };
}
