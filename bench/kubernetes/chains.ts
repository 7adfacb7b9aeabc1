/** What the coordinators of simulated clusters know and say: chains over the storage pods that are there. */
import { randomBytes } from 'node:crypto';
import type { ChainCluster } from '../../manifest/types.ts';
import type { Pod } from '../../operator/objects/kinds.ts';
import { type Component, namesOf, podName } from '../../operator/objects/names.ts';
import { isReady } from '../../operator/pod-health.ts';
import type { FakeApiServer } from '../../operator/runtime/fake-api-server.ts';
import { objectKey } from '../../operator/runtime/kube-object.ts';
import { collectionPath, resourceOf } from '../../operator/runtime/resources.ts';
import type { Later } from './later.ts';

interface Memory {
  leader: string;
  epoch: number;
  /** Once all storage nodes were there; chains are not unlearned. */
  formed: boolean;
}

/** About what the state of 64 chains is when compressed. */
const stateBytes = 2048;

export class Chains {
  readonly #server: FakeApiServer;
  readonly #memories = new Map<string, Memory>();

  constructor(server: FakeApiServer, later: Later) {
    this.#server = server;
    server.onChange(({ object }) => {
      const cluster = object.kind === 'Pod' ? this.#clusterOf(object as Pod) : undefined;
      if (cluster !== undefined) later.soon(`chains ${keyOf(cluster)}`, () => this.#follow(cluster));
    });
  }

  /** What this coordinator answers to GET /state. */
  stateOf(coordinator: Pod): unknown {
    const cluster = this.#clusterOf(coordinator);
    if (cluster === undefined) return { waiting: 'the cluster is gone' };
    const { leader, epoch, formed } = this.#memoryOf(cluster);
    const { nodes, slots, replicationFactor } = cluster.spec;
    const pods = this.#pods(cluster, 'node', nodes);
    const serves = pods.map((pod) => pod !== undefined && isReady(pod));
    const members = (slot: number) => Array.from({ length: replicationFactor }, (_, i) => (slot + i) % nodes);
    return {
      clusterId: cluster.metadata.uid,
      leading: coordinator.metadata.name === leader,
      name: coordinator.metadata.name,
      leader: `${leader}:7410`,
      epoch,
      revision: epoch,
      waiting: '',
      chains: Array.from({ length: formed ? slots : 0 }, (_, slot) => ({
        slot,
        version: epoch,
        members: members(slot).map((node, i) => ({
          node: podName(cluster, 'node', node),
          incarnation: pods[node]?.metadata.uid ?? '',
          role: i === 0 ? 'head' : i === replicationFactor - 1 ? 'tail' : 'middle',
          state: serves[node] ? 'serving' : 'silent',
        })),
        full: members(slot).every((node) => serves[node]),
        reason: '',
      })),
      nodes: pods.map((pod, i) => ({
        node: podName(cluster, 'node', i),
        incarnation: pod?.metadata.uid ?? '',
        status: serves[i] ? 'healthy' : 'dead',
        address: pod?.status?.podIP ?? '',
        chains: formed ? Math.round((slots * replicationFactor) / nodes) : 0,
        admitted: serves[i],
        draining: false,
      })),
    };
  }

  /** Elects, forms, and writes the state when either changed. */
  #follow(cluster: ChainCluster): void {
    const memory = this.#memoryOf(cluster);
    const { nodes, coordinators } = cluster.spec;
    const up = (component: Component, count: number) =>
      this.#pods(cluster, component, count).filter((pod) => pod !== undefined && isReady(pod));
    const able = up('coordinator', coordinators);
    const stays = able.some((pod) => pod?.metadata.name === memory.leader);
    const forms = !memory.formed && up('node', nodes).length === nodes;
    if (stays && !forms) return;
    if (!stays) {
      memory.leader = able[0]?.metadata.name ?? '';
      memory.epoch += 1;
    }
    memory.formed ||= forms;
    const state = this.#server.get(path('ConfigMap', cluster), namesOf(cluster).state);
    if (state === undefined) return;
    const binaryData = { 'state.json.gz': randomBytes(stateBytes).toString('base64') };
    this.#server.put({ ...state, ...{ binaryData } });
  }

  #memoryOf(cluster: ChainCluster): Memory {
    const memory = this.#memories.get(keyOf(cluster)) ?? { leader: '', epoch: 0, formed: false };
    this.#memories.set(keyOf(cluster), memory);
    return memory;
  }

  #pods(cluster: ChainCluster, component: Component, count: number): (Pod | undefined)[] {
    const name = (ordinal: number) => podName(cluster, component, ordinal);
    return Array.from(
      { length: count },
      (_, i) => this.#server.get(path('Pod', cluster), name(i)) as Pod | undefined,
    );
  }

  #clusterOf(pod: Pod): ChainCluster | undefined {
    const name = pod.metadata.labels?.['app.kubernetes.io/instance'] ?? '';
    return this.#server.get(path('ChainCluster', pod), name) as unknown as ChainCluster | undefined;
  }
}

function keyOf({ metadata }: ChainCluster): string {
  return objectKey(metadata.namespace, metadata.name);
}

function path(kind: string, { metadata }: { metadata: { namespace?: string } }): string {
  return collectionPath(resourceOf(kind), metadata.namespace);
}
