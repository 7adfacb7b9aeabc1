import type { ChainCluster } from '../manifest/types.ts';
import type { ViewAnswer } from './coordinator-view.ts';
import type { PersistentVolumeClaim, Pod, StatefulSet, StorageClass } from './objects/kinds.ts';
import { type Component, namesOf, ordinalOf } from './objects/names.ts';
import type { KubeObject } from './runtime/kube-object.ts';

/** Everything that the steps decide by. A value: collected before, never asked again while deciding. */
export interface Observed {
  cluster: ChainCluster;
  /** Wall clock, for ages that the API writes as time stamps. */
  nowMs: number;
  /** Children from the cache, by `childKey`. */
  children: ReadonlyMap<string, KubeObject>;
  /** Pods of the cluster, by ordinal. */
  nodePods: Pod[];
  coordinatorPods: Pod[];
  claims: PersistentVolumeClaim[];
  /** Classes of the claims that are smaller than they should be; `undefined` where we may not read them. */
  storageClasses: ReadonlyMap<string, StorageClass | undefined>;
  view: ViewAnswer;
  /** Whether the API server knows PodMonitors. */
  podMonitorApi: boolean;
  operator: OperatorFacts;
}

export interface OperatorFacts {
  namespace: string;
  /** For clusters that name no image. */
  defaultImage: string;
}

export function childKey(kind: string, name: string): string {
  return `${kind}/${name}`;
}

export function child<T extends KubeObject>(
  observed: Pick<Observed, 'children'>,
  kind: string,
  name: string,
): T | undefined {
  return observed.children.get(childKey(kind, name)) as T | undefined;
}

export function nodeSet(observed: Pick<Observed, 'children' | 'cluster'>): StatefulSet | undefined {
  return child(observed, 'StatefulSet', namesOf(observed.cluster).nodes);
}

export function coordinatorSet(observed: Observed): StatefulSet | undefined {
  return child(observed, 'StatefulSet', namesOf(observed.cluster).coordinators);
}

/** The image of the pods: the one named, else the one in use, so that a new operator changes no cluster. */
export function targetImage({ cluster, operator }: Observed): string {
  return cluster.spec.image ?? cluster.status?.targetImage ?? operator.defaultImage;
}

/** Storage nodes that the set runs now; counted from the pods while the set is being made anew. */
export function currentReplicas(
  observed: Pick<Observed, 'children' | 'cluster' | 'nodePods'>,
): number | undefined {
  const set = nodeSet(observed);
  if (set !== undefined) return set.spec.replicas;
  const ordinals = observed.nodePods.map(
    (pod) => ordinalOf(observed.cluster, 'node', pod.metadata.name) ?? -1,
  );
  return ordinals.length === 0 ? undefined : Math.max(...ordinals) + 1;
}

export function podsOf(observed: Observed, component: Component): Pod[] {
  return component === 'node' ? observed.nodePods : observed.coordinatorPods;
}
