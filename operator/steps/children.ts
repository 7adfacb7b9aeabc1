import { identityOf } from '../identity.ts';
import { buildAccess } from '../objects/access.ts';
import { buildConfigFile, buildConfigMap, configKey } from '../objects/config-map.ts';
import type { ConfigMap } from '../objects/kinds.ts';
import { annotations } from '../objects/names.ts';
import { buildBudgets, buildNetworkPolicy, buildPodMonitor } from '../objects/policies.ts';
import { buildServices } from '../objects/services.ts';
import { buildCoordinators, buildNodes, volumeSizeOf } from '../objects/stateful-sets.ts';
import { child, childKey, coordinatorSet, nodeSet, type Observed, targetImage } from '../observed.ts';
import { isTerminating } from '../pod-health.ts';
import type { KubeObject } from '../runtime/kube-object.ts';
import { refOf } from '../runtime/kube-object.ts';
import { hashOf } from '../runtime/same.ts';
import { scale } from './scale.ts';
import { type Action, apply, blocked, done, type Step, waiting } from './step.ts';

/** The steps that keep the child objects as they should be. None of them disturbs a running pod. */

export const access: Step = {
  name: 'access',
  decide: ({ cluster }) => done(apply(...buildAccess(cluster))),
};

export const services: Step = {
  name: 'services',
  decide: ({ cluster }) => done(apply(...buildServices(cluster))),
};

export const config: Step = {
  name: 'config',
  decide(observed) {
    const wanted = wantedConfig(observed);
    const live = child<ConfigMap>(observed, 'ConfigMap', wanted.metadata.name);
    const text = wanted.data?.[configKey];
    return done([
      ...apply(wanted),
      ...(live?.data?.[configKey] === text ? nudges(observed, hashOf(text)) : []),
    ]);
  },
};

export const budgets: Step = {
  name: 'budgets',
  decide: (observed) =>
    done(optional(observed, observed.cluster.spec.pdb.enabled, buildBudgets(observed.cluster))),
};

export const networkPolicy: Step = {
  name: 'network policy',
  decide(observed) {
    const { cluster, operator } = observed;
    const policy = buildNetworkPolicy(cluster, operator.namespace);
    return done(optional(observed, cluster.spec.networkPolicy.enabled, [policy]));
  },
};

export const podMonitor: Step = {
  name: 'pod monitor',
  decide(observed) {
    const { cluster, podMonitorApi } = observed;
    const wanted = cluster.spec.monitoring.podMonitor;
    if (podMonitorApi) return done(optional(observed, wanted, [buildPodMonitor(cluster)]));
    if (!wanted) return done();
    return blocked(
      'PodMonitorUnknown',
      'spec.monitoring.podMonitor is true, but the API server knows no PodMonitor. ' +
        'Install the Prometheus operator or set it to false.',
      [],
      60_000,
    );
  },
};

export const coordinators: Step = {
  name: 'coordinators',
  decide(observed) {
    const set = buildCoordinators(observed.cluster, { image: targetImage(observed) });
    if (coordinatorSet(observed)?.metadata.deletionTimestamp !== undefined) {
      return waiting('CoordinatorsRecreated', `Waiting for the old StatefulSet ${set.metadata.name} to go.`);
    }
    return done(apply(set));
  },
};

export const nodes: Step = {
  name: 'nodes',
  decide(observed) {
    const { cluster } = observed;
    const live = nodeSet(observed);
    if (live?.metadata.deletionTimestamp !== undefined) {
      return waiting('NodesRecreated', `Waiting for the old StatefulSet ${live.metadata.name} to go.`);
    }
    // A set cannot change the size of its volumes; the step for volumes makes it anew when they have grown.
    const size = live === undefined ? cluster.spec.storage.size : volumeSizeOf(live);
    const sized = { ...cluster, spec: { ...cluster.spec, storage: { ...cluster.spec.storage, size } } };
    return done(
      apply(buildNodes(sized, { image: targetImage(observed), replicas: scale(observed).replicas })),
    );
  },
};

function wantedConfig(observed: Observed): ConfigMap {
  const { cluster } = observed;
  const drain = [...cluster.spec.drain, ...scale(observed).leaving];
  return buildConfigMap(cluster, buildConfigFile(cluster, { ...identityOf(observed), drain }));
}

/** A kubelet refreshes a mounted ConfigMap within a minute or so, but at once when the pod itself changes. */
function nudges({ coordinatorPods }: Observed, hash: string): Action[] {
  return coordinatorPods
    .filter((pod) => !isTerminating(pod) && pod.metadata.annotations?.[annotations.configSeen] !== hash)
    .map((pod) => ({
      do: 'patch',
      ref: refOf(pod),
      patch: { metadata: { uid: pod.metadata.uid, annotations: { [annotations.configSeen]: hash } } },
    }));
}

/** Applies the objects, or deletes those of them that exist. */
function optional(observed: Observed, wanted: boolean, objects: KubeObject[]): Action[] {
  if (wanted) return apply(...objects);
  return objects.flatMap(({ kind, metadata }) => {
    const live = observed.children.get(childKey(kind, metadata.name));
    return live === undefined
      ? []
      : [{ do: 'delete', ref: refOf(live), uid: live.metadata.uid } satisfies Action];
  });
}
