/** What the controllers of Kubernetes do with StatefulSets: pods and volumes for them, and their status. */
import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../operator/objects/kinds.ts';
import { isReady } from '../../operator/pod-health.ts';
import type { FakeApiServer } from '../../operator/runtime/fake-api-server.ts';
import type { KubeObject } from '../../operator/runtime/kube-object.ts';
import { collectionPath, resourceOf } from '../../operator/runtime/resources.ts';
import type { Later } from './later.ts';
import { newPod } from './pods.ts';

/** All pods at once and none replaced by itself: the only policies that the operator asks for. */
export function runStatefulSets(server: FakeApiServer, later: Later): void {
  server.onChange(({ object }) => {
    const name = setOf(object);
    const { namespace = '' } = object.metadata;
    if (name !== undefined) later.soon(`${namespace}/${name}`, () => sync(namespace, name));
  });

  function sync(namespace: string, name: string): void {
    const set = find<StatefulSet>('StatefulSet', namespace, name);
    if (set === undefined) return;
    for (let ordinal = 0; ordinal < set.spec.replicas; ordinal++) {
      for (const claim of newClaims(set, ordinal)) {
        if (find(claim.kind, namespace, claim.metadata.name) === undefined) server.put(claim);
      }
      if (find('Pod', namespace, `${name}-${ordinal}`) === undefined) server.put(newPod(set, ordinal));
    }
    const pods = podsOf(namespace, name);
    for (const pod of pods.slice(set.spec.replicas))
      server.remove(pathOf('Pod', namespace), pod.metadata.name);
    report(set, pods.slice(0, set.spec.replicas));
  }

  function report(set: StatefulSet, pods: Pod[]): void {
    const readyReplicas = pods.filter(isReady).length;
    const status = {
      replicas: pods.length,
      readyReplicas,
      availableReplicas: readyReplicas,
      observedGeneration: set.metadata.generation ?? 0,
    };
    if (JSON.stringify(status) !== JSON.stringify(set.status)) server.put({ ...set, status } as StatefulSet);
    budget(set, status);
  }

  /** The budgets of the operator bear the names of their sets. */
  function budget(
    set: StatefulSet,
    { replicas, readyReplicas }: { replicas: number; readyReplicas: number },
  ): void {
    const { namespace = '', name } = set.metadata;
    const live = find<KubeObject & { status?: object }>('PodDisruptionBudget', namespace, name);
    const status = {
      expectedPods: replicas,
      desiredHealthy: replicas - 1,
      currentHealthy: readyReplicas,
      disruptionsAllowed: Math.max(0, readyReplicas - replicas + 1),
    };
    if (live === undefined || JSON.stringify(status) === JSON.stringify(live.status)) return;
    server.put({ ...live, status } as KubeObject);
  }

  function podsOf(namespace: string, set: string): Pod[] {
    const pods: Pod[] = [];
    for (;;) {
      const pod = find<Pod>('Pod', namespace, `${set}-${pods.length}`);
      if (pod === undefined) return pods;
      pods.push(pod);
    }
  }

  function find<T extends KubeObject>(kind: string, namespace: string, name: string): T | undefined {
    return server.get(pathOf(kind, namespace), name) as T | undefined;
  }
}

function pathOf(kind: string, namespace: string): string {
  return collectionPath(resourceOf(kind), namespace);
}

/** The set that a change of this object concerns. */
function setOf({ kind, metadata }: KubeObject): string | undefined {
  if (kind === 'StatefulSet') return metadata.name;
  if (kind !== 'Pod') return undefined;
  return metadata.ownerReferences?.find(({ controller }) => controller)?.name;
}

function newClaims(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  const { namespace = '', name } = set.metadata;
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => {
    const storage = spec.resources?.requests?.storage ?? '0';
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: `${metadata.name}-${name}-${ordinal}`, namespace, labels: metadata.labels },
      spec: { ...spec, storageClassName: 'standard', resources: { requests: { storage } } },
      status: { phase: 'Bound', capacity: { storage } },
    };
  });
}
