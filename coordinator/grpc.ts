/** The Cluster service of a coordinator. One that does not lead passes the call on to the leader. */

import { grpcAddressOf } from '../process/addresses.ts';
import type { CoordinatorView } from '../protocol/coordinator/contract.ts';
import { assignmentOf } from '../protocol/coordinator/state.ts';
import { ChainError } from '../protocol/errors.ts';
import { type Epoch, epoch, nodeName, type Revision, type StoreId } from '../protocol/words.ts';
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
    if (view.leader === '' || view.leader === host.core.state.config.address)
      throw new ChainError(
        'UNAVAILABLE',
        `no coordinator leads now${view.waiting === '' ? '' : ` (${view.waiting})`}; ask again`,
      );
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
      return other === undefined ? routes(host) : other.answer;
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

function routes(host: CoordinatorHost) {
  const { saved } = host.core.state;
  return {
    clusterId: saved?.clusterId ?? '',
    epoch: saved?.epoch ?? epoch(0),
    revision: saved?.revision ?? 0,
    slots: saved?.slots ?? 0,
    chains: (saved?.chains ?? []).map(assignmentOf),
    times: [],
  };
}

function status(host: CoordinatorHost): StatusResponse {
  const view = host.view();
  const { saved, heard, now, desired } = host.core.state;
  return {
    clusterId: view.clusterId,
    epoch: view.epoch as Epoch,
    revision: view.revision as Revision,
    leader: view.leader,
    nodes: view.nodes.map((n): NodeStatus => {
      const known = saved?.nodes.find((s) => s.node === n.node);
      const h = heard.get(n.node);
      return {
        node: n.node,
        store: known?.store ?? ('' as StoreId),
        place: known?.place ?? {
          address: n.address,
          grpc: n.grpc,
          admin: n.admin,
          zone: n.zone,
          host: n.host,
          weight: 1,
        },
        incarnation: n.incarnation,
        health: healthOf(n.status),
        silentMs: h === undefined ? 0 : Math.max(0, Math.round(now.mono - h.at)),
        admitted: n.admitted,
        leaving: n.draining || h?.leaving === true,
        left: n.chains === 0,
        failed: h?.failed ?? '',
      };
    }),
    chains: view.chains.flatMap((c) => {
      const chain = saved?.chains[c.slot];
      if (chain === undefined) return [];
      const serving = c.members.filter((m) => m.state === 'serving').length;
      return [
        { assignment: assignmentOf(chain), serving, desired: desired.replicationFactor, why: c.reason },
      ];
    }),
  };
}

const healthOf = (state: CoordinatorView['nodes'][number]['status']): NodeStatus['health'] =>
  state === 'healthy' || state === 'suspect' ? state : 'dead';
