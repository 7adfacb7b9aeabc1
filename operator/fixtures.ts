import { parseManifest } from '../manifest/parse.ts';
import type { ChainCluster, ChainClusterSpec } from '../manifest/types.ts';
import type { ChainView, CoordinatorView } from './coordinator-view.ts';
import { buildAccess, buildLease, buildState } from './objects/access.ts';
import { buildConfigFile, buildConfigMap } from './objects/config-map.ts';
import type { PersistentVolumeClaim, Pod, StatefulSet } from './objects/kinds.ts';
import { annotations, type Component, claimName, labelsOf, podName } from './objects/names.ts';
import { buildBudgets } from './objects/policies.ts';
import { buildServices } from './objects/services.ts';
import { buildCoordinators, buildNodes, templateHashOf } from './objects/stateful-sets.ts';
import { childKey, type Observed } from './observed.ts';
import type { KubeObject } from './runtime/kube-object.ts';

/** For tests: a cluster that runs well, and ways to make it differ. */

export const nowMs = Date.parse('2026-01-01T12:00:00Z');
export const image = 'registry.example/chaincluster:1.0.0';

export function clusterWith(
  spec: Partial<ChainClusterSpec> = {},
  metadata: Partial<ChainCluster['metadata']> = {},
): ChainCluster {
  const text =
    'apiVersion: chaincluster.dev/v1alpha1\nkind: ChainCluster\nmetadata: ' +
    '{name: demo}\nspec: {slots: 6, storage: {size: 10Gi}}\n';
  const { cluster } = parseManifest(text, 'fixture.yaml', 'kubernetes');
  return {
    ...cluster,
    metadata: {
      name: 'demo',
      namespace: 'data',
      uid: 'cluster-uid',
      resourceVersion: '42',
      generation: 3,
      finalizers: ['chaincluster.dev/cleanup'],
      ...metadata,
    },
    spec: { ...cluster.spec, image, ...spec },
  };
}

export function podOf(
  cluster: ChainCluster,
  component: Component,
  ordinal: number,
  change: Partial<PodFacts> = {},
): Pod {
  const set: StatefulSet =
    component === 'node'
      ? buildNodes(cluster, { image, replicas: 1 })
      : buildCoordinators(cluster, { image });
  const facts: PodFacts = {
    hash: templateHashOf(set),
    ready: true,
    readyForSeconds: 3600,
    running: true,
    ...change,
  };
  const since = new Date(nowMs - facts.readyForSeconds * 1000).toISOString();
  const name = podName(cluster, component, ordinal);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'data',
      uid: `uid-${name}`,
      labels: labelsOf(cluster, component),
      annotations: { [annotations.templateHash]: facts.hash },
      creationTimestamp: since,
      ...(facts.terminating === true && { deletionTimestamp: since }),
    },
    spec: { containers: [{ name: component, image: facts.image ?? image }] },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: facts.ready ? 'True' : 'False', lastTransitionTime: since }],
      containerStatuses: [
        {
          name: component,
          restartCount: 0,
          state: facts.running
            ? { running: {} }
            : { waiting: { reason: facts.waitingFor ?? 'ContainerCreating' } },
        },
      ],
    },
  };
}

interface PodFacts {
  hash: string;
  image?: string;
  ready: boolean;
  readyForSeconds: number;
  running: boolean;
  waitingFor?: string;
  terminating?: boolean;
}

export function claimOf(cluster: ChainCluster, ordinal: number, size = '10Gi'): PersistentVolumeClaim {
  const name = claimName(cluster, ordinal);
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name,
      namespace: 'data',
      uid: `uid-${name}`,
      labels: labelsOf(cluster, 'node'),
      annotations: { [annotations.clusterId]: cluster.metadata.uid ?? '' },
    },
    spec: { storageClassName: 'standard', resources: { requests: { storage: size } } },
    status: { phase: 'Bound', capacity: { storage: size } },
  };
}

/** Every slot on the first nodes in turn: slot 0 on 0, 1, 2; slot 1 on 1, 2, 3; ... */
export function viewOf(cluster: ChainCluster, change: Partial<CoordinatorView> = {}): CoordinatorView {
  const { nodes, slots, replicationFactor } = cluster.spec;
  const names = Array.from({ length: nodes }, (_, ordinal) => podName(cluster, 'node', ordinal));
  const chains = Array.from({ length: slots }, (_, slot) =>
    chain(
      slot,
      Array.from({ length: replicationFactor }, (_, i) => names[(slot + i) % nodes] ?? ''),
    ),
  );
  return {
    leader: podName(cluster, 'coordinator', 0),
    epoch: 4,
    clusterId: cluster.metadata.uid ?? '',
    chains,
    nodes: names.map((name) => ({ name, status: 'healthy', chains: 3, admitted: true, draining: false })),
    ...change,
  };
}

export function chain(slot: number, members: string[], full = true, serving = true): ChainView {
  const role = (i: number) => (i === 0 ? 'head' : i === members.length - 1 ? 'tail' : 'middle');
  return { slot, version: 1, full, members: members.map((node, i) => ({ node, role: role(i), serving })) };
}

/** All is well: what the steps see when there is nothing to do. */
export function observedOf(
  cluster: ChainCluster,
  change: Partial<Observed> = {},
  children: KubeObject[] = [],
): Observed {
  const { nodes, coordinators } = cluster.spec;
  const clusterId = cluster.metadata.uid ?? '';
  const wanted: KubeObject[] = [
    ...buildAccess(cluster),
    buildLease(cluster),
    buildState(cluster, clusterId),
    ...buildServices(cluster),
    ...buildBudgets(cluster),
    buildConfigMap(cluster, buildConfigFile(cluster, { clusterId, begun: true, drain: cluster.spec.drain })),
    buildCoordinators(cluster, { image }),
    buildNodes(cluster, { image, replicas: nodes }),
    ...children,
  ];
  return {
    cluster,
    nowMs,
    children: new Map(wanted.map((object) => [childKey(object.kind, object.metadata.name), object])),
    nodePods: Array.from({ length: nodes }, (_, i) => podOf(cluster, 'node', i)),
    coordinatorPods: Array.from({ length: coordinators }, (_, i) => podOf(cluster, 'coordinator', i)),
    claims: Array.from({ length: nodes }, (_, i) => claimOf(cluster, i)),
    storageClasses: new Map(),
    view: { is: 'known', view: viewOf(cluster) },
    podMonitorApi: false,
    operator: { namespace: 'operators', defaultImage: 'default:1' },
    ...change,
  };
}
