/** The people of a simulated Kubernetes: they make ChainClusters, change them, and wait until they are as wanted. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseManifest } from '../../manifest/parse.ts';
import type { ChainCluster, ChainClusterSpec } from '../../manifest/types.ts';
import type { Pod, StatefulSet } from '../../operator/objects/kinds.ts';
import { type Component, namesOf, podName } from '../../operator/objects/names.ts';
import { templateHashOf } from '../../operator/objects/stateful-sets.ts';
import { hasTemplate } from '../../operator/pod-health.ts';
import type { FakeApiServer } from '../../operator/runtime/fake-api-server.ts';
import type { KubeObject } from '../../operator/runtime/kube-object.ts';
import { collectionPath, resourceOf } from '../../operator/runtime/resources.ts';
import { until } from '../cluster/system.ts';

const example = join(import.meta.dirname, '..', '..', 'examples', 'chaincluster.yaml');
const clustersOfNamespace = 10;
const settleMs = 600_000;

export class Clusters {
  readonly #server: FakeApiServer;
  readonly #spec: ChainClusterSpec;

  /** `spec`: what differs from the example. */
  constructor(server: FakeApiServer, spec: Partial<ChainClusterSpec> = {}) {
    this.#server = server;
    const { cluster } = parseManifest(readFileSync(example, 'utf8'), example, 'kubernetes');
    this.#spec = { ...cluster.spec, ...spec };
  }

  /** Makes clusters `from` (included) to `to` (not included), ten in a namespace. */
  create(from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const metadata = {
        name: `cluster-${i}`,
        namespace: namespaceOf(i),
        creationTimestamp: new Date().toISOString(),
      };
      const { apiVersion } = resourceOf('ChainCluster');
      this.#server.put({ apiVersion, kind: 'ChainCluster', metadata, ...{ spec: this.#spec } });
    }
  }

  /** Changes the first `count` clusters. */
  change(count: number, how: (spec: ChainClusterSpec) => Partial<ChainClusterSpec>): void {
    for (let i = 0; i < count; i++) {
      const live = this.#get(i);
      const spec = { ...live.spec, ...how(live.spec) };
      this.#server.put({ ...live, spec } as unknown as KubeObject);
    }
  }

  /** Resolves when the first `count` clusters are ready, every pod as their resources want it. */
  async settled(count: number): Promise<void> {
    let next = 0;
    await until(
      `${count} settled clusters`,
      settleMs,
      () => {
        while (next < count && this.#isSettled(next)) next += 1;
        // One that was settled may be no more by the time the last one is.
        if (next === count) for (next = 0; next < count && this.#isSettled(next); ) next += 1;
        return next === count;
      },
      () => this.#describe(next),
    );
  }

  #isSettled(i: number): boolean {
    const cluster = this.#get(i);
    const { generation } = cluster.metadata;
    const ready = cluster.status?.conditions?.find(({ type }) => type === 'Ready');
    return (
      ready?.status === 'True' &&
      ready.observedGeneration === generation &&
      this.#runsTemplate(cluster, 'node', cluster.spec.nodes) &&
      this.#runsTemplate(cluster, 'coordinator', cluster.spec.coordinators)
    );
  }

  #runsTemplate(cluster: ChainCluster, component: Component, count: number): boolean {
    const names = namesOf(cluster);
    const setName = component === 'node' ? names.nodes : names.coordinators;
    const set = this.#find(cluster, 'StatefulSet', setName) as StatefulSet | undefined;
    if (set === undefined) return false;
    return Array.from({ length: count }, (_, ordinal) => podName(cluster, component, ordinal)).every(
      (name) => {
        const pod = this.#find(cluster, 'Pod', name) as Pod | undefined;
        return pod !== undefined && hasTemplate(pod, templateHashOf(set));
      },
    );
  }

  #describe(i: number): string {
    const { metadata, status } = this.#get(i);
    return `${metadata.name}: ${JSON.stringify(status?.conditions?.find(({ type }) => type === 'Ready'))}`;
  }

  #get(i: number): ChainCluster {
    const path = collectionPath(resourceOf('ChainCluster'), namespaceOf(i));
    return this.#server.get(path, `cluster-${i}`) as unknown as ChainCluster;
  }

  #find({ metadata }: ChainCluster, kind: string, name: string): KubeObject | undefined {
    return this.#server.get(collectionPath(resourceOf(kind), metadata.namespace), name);
  }
}

function namespaceOf(i: number): string {
  return `team-${Math.floor(i / clustersOfNamespace)}`;
}
