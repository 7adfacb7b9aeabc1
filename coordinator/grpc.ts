/** The Cluster service of a coordinator. One that does not lead passes the call on to the leader. */

import { grpcAddressOf } from '../process/addresses.ts';
import type { CoordinatorView } from '../protocol/coordinator/contract.ts';
import { ChainError } from '../protocol/errors.ts';
import { type Epoch, nodeName, type Revision } from '../protocol/words.ts';
import type { Handlers } from '../transport/grpc.ts';
import {
  type ClusterMethods,
  clusterService,
  type NodeStatus,
  type StatusResponse,
} from '../transport/grpc-api.ts';
import { openChannel } from '../transport/grpc-channel.ts';
import type { CoordinatorHost } from './host.ts';

export function clusterHandlers(host: CoordinatorHost): Handlers<ClusterMethods> {
  /** The leader's answer, or undefined when this coordinator leads. */
  const elsewhere = async <T>(
    ask: (leader: ReturnType<typeof openChannel<ClusterMethods>>['call']) => Promise<T>,
  ): Promise<{ readonly answer: T } | undefined> => {
    const view = host.view();
    if (view.leading) return undefined;
    if (view.leader === '' || view.leader === host.address)
      throw new ChainError('UNAVAILABLE', `no coordinator leads now${whyNone(host)}`);
    const channel = openChannel(grpcAddressOf(view.leader), clusterService);
    try {
      return { answer: await ask(channel.call) };
    } finally {
      channel.close();
    }
  };
  return {
    async topology(_, call) {
      const other = await elsewhere((leader) => leader.topology({}, call));
      return other === undefined ? host.core.routes() : other.answer;
    },
    async status(_, call) {
      const other = await elsewhere((leader) => leader.status({}, call));
      return other === undefined ? status(host) : other.answer;
    },
    async drain(request, call) {
      const other = await elsewhere((leader) => leader.drain(request, call));
      if (other !== undefined) return other.answer;
      const result = await host.command({
        kind: request.cancel ? 'undrain' : 'drain',
        node: nodeName(request.node),
      });
      if (!result.ok) throw new ChainError('BAD_REQUEST', result.message);
      const node = host.view().nodes.find((n) => n.node === request.node);
      return { chains: node?.chains ?? 0, left: (node?.chains ?? 0) === 0 };
    },
  };
}

/** What ends it is an operator's doing, or nothing but time. */
function whyNone(host: CoordinatorHost): string {
  if (host.trouble !== '') return `: ${host.trouble}`;
  const { waiting } = host.view();
  return `${waiting === '' ? '' : ` (${waiting})`}; ask again`;
}

function status(host: CoordinatorHost): StatusResponse {
  const view = host.view();
  const chains = new Map(host.core.routes().chains.map((chain) => [chain.slot, chain]));
  return {
    clusterId: view.clusterId,
    epoch: view.epoch as Epoch,
    revision: view.revision as Revision,
    leader: view.leader,
    nodes: view.nodes.map(
      (n): NodeStatus => ({
        node: n.node,
        store: n.store,
        place: {
          address: n.address,
          grpc: n.grpc,
          admin: n.admin,
          zone: n.zone,
          host: n.host,
          weight: n.weight,
        },
        incarnation: n.incarnation,
        health: healthOf(n.status),
        silentMs: n.silentMs,
        admitted: n.admitted,
        leaving: n.draining,
        left: n.chains === 0,
        failed: n.failed,
        why: n.why,
      }),
    ),
    chains: view.chains.flatMap((c) => {
      const assignment = chains.get(c.slot);
      if (assignment === undefined) return [];
      const serving = c.members.filter((m) => m.state === 'serving').length;
      return [{ assignment, serving, desired: host.desired.replicationFactor, why: c.waiting || c.reason }];
    }),
  };
}

/** One that is only held back is heard, and serves what it has. */
function healthOf(state: CoordinatorView['nodes'][number]['status']): NodeStatus['health'] {
  if (state === 'flapping') return 'suspect';
  return state === 'healthy' || state === 'suspect' ? state : 'dead';
}
