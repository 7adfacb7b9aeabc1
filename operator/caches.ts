import type { Logger } from 'pino';
import type { ChainCluster } from '../manifest/types.ts';
import { isStateOfCoordinators, kept } from './kept.ts';
import { managedBySelector } from './objects/names.ts';
import { childKey } from './observed.ts';
import type { Clock, Random } from './runtime/clock.ts';
import type { Connection } from './runtime/connection.ts';
import { type Change, Informer } from './runtime/informer.ts';
import { type KubeObject, objectKey } from './runtime/kube-object.ts';
import type { RuntimeMetrics } from './runtime/metrics.ts';
import { resourceOf } from './runtime/resources.ts';

/** Kinds of children that are watched. A Lease is not: its holder renews it every second. */
const childKinds = [
  'ConfigMap',
  'NetworkPolicy',
  'PersistentVolumeClaim',
  'Pod',
  'PodDisruptionBudget',
  'Role',
  'RoleBinding',
  'Service',
  'ServiceAccount',
  'StatefulSet',
] as const;

export interface CachesOptions {
  connection: Connection;
  /** Empty: all namespaces. */
  namespaces: readonly string[];
  /** A cluster to look at, as `namespace/name`. */
  onDirty: (key: string) => void;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: RuntimeMetrics;
}

/** The local copies of everything that the operator watches, in one or many namespaces. */
export class Caches {
  readonly #informers: Informer[] = [];
  /** Children by the key of their cluster, then by kind and name: looking through all for each cluster would not scale. */
  readonly #children = new Map<string, Map<string, KubeObject>>();

  constructor(options: CachesOptions) {
    const { namespaces, onDirty, ...rest } = options;
    const scopes = namespaces.length === 0 ? [''] : namespaces;
    for (const namespace of scopes) {
      const common = { ...rest, namespace };
      this.#informers.push(
        new Informer({
          ...common,
          resource: resourceOf('ChainCluster'),
          onChange: (change) => {
            if (concernsUs(change)) onDirty(keyOfCluster(change.object));
          },
        }),
      );
      for (const kind of childKinds) {
        this.#informers.push(
          new Informer({
            ...common,
            resource: resourceOf(kind),
            labelSelector: managedBySelector,
            keep: kept,
            onChange: (change) => {
              this.#file(change);
              const key = clusterKeyOf(change.object);
              if (key !== undefined && matters(change)) onDirty(key);
            },
          }),
        );
      }
    }
  }

  /** Keeps the copies up to date until `stop`. Never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.run(stop)));
  }

  get haveSynced(): boolean {
    return this.#informers.every((informer) => informer.hasSynced);
  }

  /** Kinds whose first list is not complete. */
  get notSynced(): string[] {
    return this.#informers.filter((informer) => !informer.hasSynced).map(({ resource }) => resource.kind);
  }

  /** The longest silence of any watch, and whose it is. */
  get oldestEvent(): { kind: string; ageMs: number }[] {
    return this.#informers.map((informer) => ({
      kind: informer.resource.kind,
      ageMs: informer.lastEventAgeMs,
    }));
  }

  clusters(): ChainCluster[] {
    return this.#of('ChainCluster').flatMap((informer) => informer.list()) as unknown as ChainCluster[];
  }

  get(kind: string, namespace: string | undefined, name: string): KubeObject | undefined {
    for (const informer of this.#of(kind)) {
      const found = informer.get(namespace, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Children of a cluster by label: also those that the StatefulSet controller made, and those without an owner. */
  childrenOf(cluster: ChainCluster): KubeObject[] {
    const key = objectKey(cluster.metadata.namespace, cluster.metadata.name);
    return [...(this.#children.get(key)?.values() ?? [])];
  }

  /** Takes over what a write answered, so that the next look does not act on older news. */
  accept(object: KubeObject): void {
    for (const informer of this.#of(object.kind)) informer.accept(object);
  }

  #file(change: Change<KubeObject>): void {
    const { kind, metadata } = change.object;
    const child = childKey(kind, metadata.name);
    const now = change.type === 'deleted' ? undefined : clusterKeyOf(change.object);
    // Somebody may have relabelled it.
    const before = change.type === 'changed' ? clusterKeyOf(change.before) : clusterKeyOf(change.object);
    if (before !== undefined && before !== now) {
      const children = this.#children.get(before);
      children?.delete(child);
      if (children?.size === 0) this.#children.delete(before);
    }
    if (now === undefined) return;
    const children = this.#children.get(now) ?? new Map<string, KubeObject>();
    this.#children.set(now, children.set(child, change.object));
  }

  #of(kind: string): Informer[] {
    return this.#informers.filter(({ resource }) => resource.kind === kind);
  }
}

/** The resource itself: what people change. Our own status writes are no news. */
function concernsUs(change: Change<KubeObject>): boolean {
  if (change.type !== 'changed') return true;
  const [now, before] = [change.object.metadata, change.before.metadata];
  return (
    now.generation !== before.generation ||
    now.deletionTimestamp !== before.deletionTimestamp ||
    JSON.stringify(now.annotations) !== JSON.stringify(before.annotations) ||
    JSON.stringify(now.labels) !== JSON.stringify(before.labels) ||
    JSON.stringify(now.finalizers) !== JSON.stringify(before.finalizers)
  );
}

/** The coordinators write their state all the time; only its loss is ours to mend. */
function matters(change: Change<KubeObject>): boolean {
  return change.type !== 'changed' || !isStateOfCoordinators(change.object);
}

function clusterKeyOf(object: KubeObject): string | undefined {
  const instance = object.metadata.labels?.['app.kubernetes.io/instance'];
  return instance === undefined ? undefined : objectKey(object.metadata.namespace, instance);
}

function keyOfCluster(object: KubeObject): string {
  return objectKey(object.metadata.namespace, object.metadata.name);
}
