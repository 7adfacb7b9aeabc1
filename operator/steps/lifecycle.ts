import { identityOf } from '../identity.ts';
import { buildLease, buildState } from '../objects/access.ts';
import { buildConfigMap, readConfigMap } from '../objects/config-map.ts';
import type { ConfigMap } from '../objects/kinds.ts';
import { annotations, clusterNameMax, finalizer, namesOf } from '../objects/names.ts';
import { child, childKey, coordinatorSet, nodeSet, type Observed } from '../observed.ts';
import type { KubeObject } from '../runtime/kube-object.ts';
import { refOf } from '../runtime/kube-object.ts';
import { type Action, apply, blocked, done, type Outcome, type Step, someOf, waiting } from './step.ts';

/** Longest time that the cleanup of a deleted cluster may hold the resource back. */
export const cleanupLimitMs = 600_000;

/** Cleans up behind a deleted resource, then lets it go. */
export const deletion: Step = {
  name: 'deletion',
  decide: decideDeletion,
  ends: ({ cluster }) => cluster.metadata.deletionTimestamp !== undefined,
};

/** Makes sure that we are asked before the resource goes. */
export const finalizing: Step = {
  name: 'finalizer',
  decide({ cluster }) {
    const { finalizers = [] } = cluster.metadata;
    return finalizers.includes(finalizer)
      ? done()
      : done([setFinalizers(cluster, [...finalizers, finalizer])]);
  },
};

/** Refuses what the schema cannot: everything behind this step may trust the resource. */
export const validation: Step = {
  name: 'validation',
  decide({ cluster }) {
    const problem = problemOf(cluster);
    return problem === undefined ? done() : blocked('InvalidSpec', problem);
  },
  ends: ({ cluster }) => problemOf(cluster) !== undefined,
};

/** Leaves everything as it is while `spec.paused` says so, and tells the coordinators. */
export const pause: Step = {
  name: 'pause',
  decide(observed) {
    const { cluster } = observed;
    const file = readConfigMap(child<ConfigMap>(observed, 'ConfigMap', namesOf(cluster).config));
    if (!cluster.spec.paused) return done();
    // The coordinators cannot do without these, and may not make them themselves.
    const lost = [buildLease(cluster), buildState(cluster, identityOf(observed).clusterId)].filter(
      ({ kind, metadata }) => !observed.children.has(childKey(kind, metadata.name)),
    );
    if (file === undefined || file.paused) return done(apply(...lost));
    // Only the word itself: the other changes of a paused resource wait for its end.
    return done(apply(...lost, buildConfigMap(cluster, { ...file, paused: true })));
  },
  ends: ({ cluster }) => cluster.spec.paused,
};

function problemOf(cluster: Observed['cluster']): string | undefined {
  const { name } = cluster.metadata;
  const { replicationFactor, nodes } = cluster.spec;
  if (name.length > clusterNameMax) {
    return (
      `metadata.name has ${name.length} characters; ` +
      `the names made from it allow ${clusterNameMax}. Create the cluster under a shorter name.`
    );
  }
  if (replicationFactor > nodes) {
    return (
      `spec.replicationFactor ${replicationFactor} needs as many nodes, but spec.nodes is ${nodes}. ` +
      'Raise nodes or lower replicationFactor.'
    );
  }
  return undefined;
}

function decideDeletion(observed: Observed): Outcome {
  const { cluster, nowMs } = observed;
  const { deletionTimestamp, finalizers = [] } = cluster.metadata;
  if (deletionTimestamp === undefined || !finalizers.includes(finalizer)) return done();
  const letGo = setFinalizers(
    cluster,
    finalizers.filter((name) => name !== finalizer),
  );
  if (cluster.metadata.annotations?.[annotations.skipCleanup] !== undefined) return done([letGo]);
  // Kept volumes need nothing from us: pods and services go with their owner.
  if (cluster.spec.storage.retention.whenDeleted === 'Retain') return done([letGo]);

  const left = leftovers(observed);
  if (left.length === 0) return done([letGo]);
  if (nowMs - Date.parse(deletionTimestamp) > cleanupLimitMs) {
    const note = `Gave up waiting for ${someOf(left.map(describe))}. Delete what is left by hand.`;
    return done([
      { do: 'event', event: { type: 'Warning', reason: 'CleanupTimedOut', action: 'Delete', note } },
      letGo,
    ]);
  }
  const message =
    `Waiting for ${someOf(left.map(describe))} to go. ` +
    `Annotate the resource with ${annotations.skipCleanup}=true to leave them behind.`;
  return waiting('Deleting', message, left.flatMap(removal));
}

/** Sets first, then the pods that they leave, then the volumes, which nobody uses any more by then. */
function leftovers({ nodePods, coordinatorPods, claims, ...observed }: Observed): KubeObject[] {
  const rest = { ...observed, nodePods, coordinatorPods, claims };
  const sets = [nodeSet(rest), coordinatorSet(rest)].filter((set) => set !== undefined);
  if (sets.length > 0) return sets;
  if (nodePods.length > 0) return nodePods;
  return claims;
}

function removal(object: KubeObject): Action[] {
  if (object.metadata.deletionTimestamp !== undefined) return [];
  return [{ do: 'delete', ref: refOf(object), uid: object.metadata.uid, propagation: 'Background' }];
}

function describe(object: KubeObject): string {
  return `${object.kind} ${object.metadata.name}`;
}

function setFinalizers(cluster: Observed['cluster'], finalizers: string[]): Action {
  const { resourceVersion } = cluster.metadata;
  return { do: 'patch', ref: refOf(cluster), patch: { metadata: { finalizers, resourceVersion } } };
}
