import type { ChainCluster } from '../../manifest/types.ts';
import type { ObjectMeta } from '../runtime/kube-object.ts';

/** Every name, label, annotation and port that more than one object must agree on. */

export const managedBy = 'chaincluster-operator';
export const managedBySelector = `app.kubernetes.io/managed-by=${managedBy}`;
export const finalizer = 'chaincluster.dev/cleanup';

export type Component = 'node' | 'coordinator';

export const ports = {
  node: { client: 7400, grpc: 7401, admin: 7402 },
  coordinator: { link: 7410, grpc: 7411, admin: 7412 },
} as const;

export const annotations = {
  /** On a pod: hash of the template that it was built from. Another one than wanted means "to be restarted". */
  templateHash: 'chaincluster.dev/template-hash',
  /** On a pod: hash of the settings that are read at the start only. */
  settingsHash: 'chaincluster.dev/settings-hash',
  /** On a coordinator pod: the configuration that it should read by now; a change makes the kubelet refresh the file. */
  configSeen: 'chaincluster.dev/config-seen',
  /** On the state object and, once a cluster has begun, on the claims: the id by which stores know their cluster. */
  clusterId: 'chaincluster.dev/cluster-id',
  /** On the resource, by people: any new value restarts all pods, one at a time. */
  restartedAt: 'chaincluster.dev/restartedAt',
  /** On the resource, by people: the storage node whose volume is to be given up and copied anew. */
  replace: 'chaincluster.dev/replace',
  /** On the resource, by the operator: the replacement that is under way. */
  replacing: 'chaincluster.dev/replacing',
  /** On the resource, by people: let go of a deleted resource without cleaning up. */
  skipCleanup: 'chaincluster.dev/skip-cleanup',
} as const;

/** The StatefulSet controller keeps `<set>-<hash of 10>` in a label of at most 63 characters. */
export const clusterNameMax = 63 - '-coordinator-0123456789'.length;

export function namesOf(cluster: ChainCluster) {
  const { name } = cluster.metadata;
  return {
    nodes: `${name}-node`,
    coordinators: `${name}-coordinator`,
    clientService: name,
    nodeService: `${name}-nodes`,
    coordinatorService: `${name}-coordinators`,
    config: `${name}-config`,
    nodeAccount: `${name}-node`,
    coordinatorAccount: `${name}-coordinator`,
    lease: `${name}-coordinator`,
    state: `${name}-state`,
    policy: `${name}-chaincluster`,
  } as const;
}

/** Pod name = node name. */
export function podName(cluster: ChainCluster, component: Component, ordinal: number): string {
  const names = namesOf(cluster);
  return `${component === 'node' ? names.nodes : names.coordinators}-${ordinal}`;
}

/** `undefined` when the name is none of this cluster's storage pods. */
export function ordinalOf(cluster: ChainCluster, component: Component, pod: string): number | undefined {
  const names = namesOf(cluster);
  const prefix = `${component === 'node' ? names.nodes : names.coordinators}-`;
  const rest = pod.startsWith(prefix) ? pod.slice(prefix.length) : '';
  return /^(0|[1-9]\d*)$/.test(rest) ? Number(rest) : undefined;
}

export function claimName(cluster: ChainCluster, ordinal: number): string {
  return `${dataVolume}-${podName(cluster, 'node', ordinal)}`;
}

export const dataVolume = 'data';

/** Addresses at which the coordinators take control links, resolvable before they are ready. */
export function coordinatorAddresses(cluster: ChainCluster): string[] {
  const { namespace = 'default' } = cluster.metadata;
  const service = namesOf(cluster).coordinatorService;
  return Array.from(
    { length: cluster.spec.coordinators },
    (_, ordinal) =>
      `${podName(cluster, 'coordinator', ordinal)}.${service}.${namespace}.svc:${ports.coordinator.link}`,
  );
}

/** What selects the pods of one component; immutable in a StatefulSet, so it must never change. */
export function selectorLabels(cluster: ChainCluster, component?: Component): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'chaincluster',
    'app.kubernetes.io/instance': cluster.metadata.name,
    ...(component === undefined ? {} : { 'app.kubernetes.io/component': component }),
  };
}

export function labelsOf(cluster: ChainCluster, component?: Component): Record<string, string> {
  return { ...selectorLabels(cluster, component), 'app.kubernetes.io/managed-by': managedBy };
}

export function selectorText(cluster: ChainCluster, component: Component): string {
  return Object.entries(selectorLabels(cluster, component))
    .map(([label, value]) => `${label}=${value}`)
    .join(',');
}

/** Metadata of a child that goes when the cluster goes. @throws Error when the cluster was never read from the API. */
export function childMeta(cluster: ChainCluster, name: string, component?: Component): ObjectMeta {
  const { uid, name: owner } = cluster.metadata;
  if (uid === undefined) throw new Error(`ChainCluster ${owner} has no uid: it was never read from the API`);
  const { apiVersion, kind } = cluster;
  return {
    ...keptMeta(cluster, name, component),
    ownerReferences: [{ apiVersion, kind, name: owner, uid, controller: true, blockOwnerDeletion: true }],
  };
}

/** Metadata of a child that outlives the cluster. */
export function keptMeta(cluster: ChainCluster, name: string, component?: Component): ObjectMeta {
  const { namespace } = cluster.metadata;
  return { name, ...(namespace === undefined ? {} : { namespace }), labels: labelsOf(cluster, component) };
}
