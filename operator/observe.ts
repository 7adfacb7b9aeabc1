import type { ChainCluster } from '../manifest/types.ts';
import type { Caches } from './caches.ts';
import type { CoordinatorViews } from './coordinator-view.ts';
import type { PersistentVolumeClaim, Pod, StorageClass } from './objects/kinds.ts';
import { type Component, namesOf, ordinalOf, selectorLabels } from './objects/names.ts';
import { childKey, type Observed, type OperatorFacts } from './observed.ts';
import type { Api } from './runtime/api.ts';
import { isForbidden } from './runtime/api-error.ts';
import type { KubeObject } from './runtime/kube-object.ts';
import { claimsToGrow } from './steps/volumes.ts';

export interface Observer {
  caches: Caches;
  api: Api;
  views: CoordinatorViews;
  operator: OperatorFacts;
  wallMs: () => number;
  /** Whether the server knows PodMonitors; asked only when a cluster wants one. */
  knowsPodMonitors: (stop?: AbortSignal) => Promise<boolean>;
}

/**
 * Collects what the steps decide by. The coordinators are asked after the cache was read: a pod that we deleted a
 * moment ago is then either still seen as going, or no longer counted by them. @throws ApiError
 */
export async function observe(
  cluster: ChainCluster,
  observer: Observer,
  stop?: AbortSignal,
): Promise<Observed> {
  const { caches, api, views, operator, wallMs } = observer;
  const objects = caches.childrenOf(cluster);
  const children = new Map(objects.map((object) => [childKey(object.kind, object.metadata.name), object]));
  const nodePods = podsOf(cluster, objects, 'node');
  const coordinatorPods = podsOf(cluster, objects, 'coordinator');
  const claims = claimsOf(cluster, objects);

  const { namespace } = cluster.metadata;
  for (const [kind, apiVersion, name, wanted] of [
    ['Lease', 'coordination.k8s.io/v1', namesOf(cluster).lease, true],
    ['PodMonitor', 'monitoring.coreos.com/v1', namesOf(cluster).policy, cluster.spec.monitoring.podMonitor],
  ] as const) {
    if (!wanted) continue;
    if (kind === 'PodMonitor' && !(await observer.knowsPodMonitors(stop))) continue;
    const ref = { kind, apiVersion, name, ...(namespace === undefined ? {} : { namespace }) };
    const object = await api.get(ref, stop);
    if (object !== undefined) children.set(childKey(kind, name), object);
  }
  const known = { cluster, children, nodePods, coordinatorPods, claims };
  return {
    ...known,
    nowMs: wallMs(),
    storageClasses: await classesOf(claimsToGrow(known), api, stop),
    podMonitorApi: cluster.spec.monitoring.podMonitor && (await observer.knowsPodMonitors(stop)),
    operator,
    view: await views.ask(coordinatorPods, stop),
  };
}

function podsOf(cluster: ChainCluster, objects: readonly KubeObject[], component: Component): Pod[] {
  const ordinal = (pod: KubeObject) => ordinalOf(cluster, component, pod.metadata.name);
  return objects
    .filter((object) => object.kind === 'Pod' && hasLabels(object, selectorLabels(cluster, component)))
    .filter((pod) => ordinal(pod) !== undefined)
    .sort((a, b) => (ordinal(a) ?? 0) - (ordinal(b) ?? 0)) as Pod[];
}

function claimsOf(cluster: ChainCluster, objects: readonly KubeObject[]): PersistentVolumeClaim[] {
  return objects.filter(
    (object) => object.kind === 'PersistentVolumeClaim' && hasLabels(object, selectorLabels(cluster, 'node')),
  ) as PersistentVolumeClaim[];
}

function hasLabels(object: KubeObject, wanted: Record<string, string>): boolean {
  return Object.entries(wanted).every(([label, value]) => object.metadata.labels?.[label] === value);
}

/** Classes are cluster-wide objects: an operator that is confined to namespaces may not read them. */
async function classesOf(
  claims: readonly PersistentVolumeClaim[],
  api: Api,
  stop: AbortSignal | undefined,
): Promise<Map<string, StorageClass | undefined>> {
  const classes = new Map<string, StorageClass | undefined>();
  for (const name of new Set(claims.flatMap(({ spec }) => spec.storageClassName ?? []))) {
    try {
      const ref = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', name };
      classes.set(name, await api.get<StorageClass>(ref, stop));
    } catch (error) {
      if (!isForbidden(error)) throw error;
      classes.set(name, undefined);
    }
  }
  return classes;
}
