import { type CoordinatorView, chainsResting } from '../coordinator-view.ts';
import type { Pod } from '../objects/kinds.ts';
import type { Component } from '../objects/names.ts';
import { buildCoordinators, buildNodes, templateHashOf } from '../objects/stateful-sets.ts';
import { currentReplicas, type Observed, podsOf, targetImage } from '../observed.ts';
import {
  comeBackMs,
  hasTemplate,
  isNotRunning,
  isReady,
  isTerminating,
  readyForMs,
  unreadyForMs,
  whyBroken,
} from '../pod-health.ts';
import { refOf } from '../runtime/kube-object.ts';
import { type Action, blocked, done, laterMs, type Outcome, type Step, someOf, waiting } from './step.ts';

/** Restarts storage pods that run an old template, one at a time, each only while every chain is full. */
export const rollingNodes: Step = { name: 'rolling nodes', disruptive: true, decide: decideNodes };

/** Restarts coordinators with an old template behind the nodes: the followers first, the leader last. */
export const rollingCoordinators: Step = {
  name: 'rolling coordinators',
  disruptive: true,
  decide: decideCoordinators,
};

/**
 * Restarts coordinators that are down anyway, before all else: without a coordinator nothing can be known about the
 * chains, and no other step could ever repair what keeps it down.
 */
export const mendingCoordinators: Step = {
  name: 'mending coordinators',
  decide(observed) {
    if (observed.cluster.spec.updateStrategy.type === 'OnDelete') return done();
    const broken = outdated(observed, 'coordinator').find(
      (pod) =>
        !isReady(pod) &&
        !isTerminating(pod) &&
        (isNotRunning(pod) || unreadyForMs(pod, observed.nowMs) > comeBackMs),
    );
    if (broken === undefined) return done();
    return waiting('RollingUpdate', `Restarting ${broken.metadata.name}, which is down.`, [
      ...restart(broken, 'it runs an old template and is down'),
    ]);
  },
};

/** Hash of the template that the pods of a component should have. */
export function wantedHash(observed: Observed, component: Component): string {
  const image = targetImage(observed);
  return templateHashOf(
    component === 'node'
      ? buildNodes(observed.cluster, { image, replicas: 0 })
      : buildCoordinators(observed.cluster, { image }),
  );
}

function decideNodes(observed: Observed): Outcome {
  const { cluster, nodePods, view, nowMs } = observed;
  const old = outdated(observed, 'node');
  if (cluster.spec.updateStrategy.type === 'OnDelete') return done();
  if (old.length === 0) return lastOneBack(observed, 'node');
  const hold = notBackYet(observed, 'node');
  if (hold !== undefined) return hold;

  const down = old.filter((pod) => !isReady(pod));
  const victim = down.find((pod) => isNotRunning(pod) || isSpare(observed, pod));
  if (victim !== undefined) {
    return restarting(old, victim, 'it runs an old template and is not ready');
  }
  if (down.length > 0) {
    const names = someOf(down.map(nameOf));
    return waiting('RollingUpdate', `Waiting for ${names} to become ready before another pod is restarted.`);
  }
  if (view.is === 'unknown') {
    return waiting(
      'RollingUpdate',
      `Waiting for the coordinator before a pod is restarted: ${view.because}.`,
    );
  }
  const thin = view.view.chains.filter(({ full }) => !full);
  if (thin.length > 0) {
    const slots = someOf(thin.map(({ slot }) => slot));
    return waiting(
      'RollingUpdate',
      `Waiting for the chains of slot ${slots} to be full before a pod is restarted.`,
    );
  }
  const tooFresh = nodePods.find(
    (pod) => readyForMs(pod, nowMs) < cluster.spec.updateStrategy.minReadySeconds * 1000,
  );
  if (tooFresh !== undefined) {
    const seconds = cluster.spec.updateStrategy.minReadySeconds;
    return waiting('RollingUpdate', `Waiting until ${nameOf(tooFresh)} has been ready for ${seconds} s.`);
  }
  return restarting(old, cheapest(view.view, old), 'it runs an old template');
}

function decideCoordinators(observed: Observed): Outcome {
  const { cluster, view } = observed;
  const old = outdated(observed, 'coordinator');
  if (cluster.spec.updateStrategy.type === 'OnDelete') return done();
  if (old.length === 0) return lastOneBack(observed, 'coordinator');
  const hold = notBackYet(observed, 'coordinator');
  if (hold !== undefined) return hold;
  const down = old.filter((pod) => !isReady(pod));
  if (down.length > 0 && old.length > 1) {
    const names = someOf(down.map(nameOf));
    return waiting(
      'RollingUpdate',
      `Waiting for ${names} to become ready before another coordinator is restarted.`,
    );
  }
  const leader = view.is === 'known' ? view.view.leader : undefined;
  if (leader === undefined && old.length > 1) {
    return waiting('RollingUpdate', 'Waiting for a leading coordinator before one is restarted.');
  }
  const follower = old.find((pod) => nameOf(pod) !== leader);
  const victim = follower ?? old[0];
  return victim === undefined ? done() : restarting(old, victim, 'it runs an old template');
}

function outdated(observed: Observed, component: Component): Pod[] {
  const hash = wantedHash(observed, component);
  return podsOf(observed, component).filter((pod) => !hasTemplate(pod, hash));
}

/** An update ends when the pod that was restarted last is back, not when nothing old is left. */
function lastOneBack(observed: Observed, component: Component): Outcome {
  const progress = observed.cluster.status?.conditions?.find(({ type }) => type === 'Progressing');
  const updating = progress?.reason === 'RollingUpdate' || progress?.reason === 'UpgradeBlocked';
  return (updating ? notBackYet(observed, component) : undefined) ?? done();
}

/** The reason to hold still: a pod on its way down, one not created yet, or one that has the new template but is not ready. */
function notBackYet(observed: Observed, component: Component): Outcome | undefined {
  const pods = podsOf(observed, component);
  const going = pods.find(isTerminating);
  if (going !== undefined) return waiting('RollingUpdate', `Waiting for ${nameOf(going)} to end.`);
  const expected = component === 'node' ? currentReplicas(observed) : observed.cluster.spec.coordinators;
  if (pods.length < (expected ?? 0)) {
    return waiting('RollingUpdate', `Waiting for all ${expected} pods of ${component}s to be created.`);
  }
  const hash = wantedHash(observed, component);
  const fresh = pods.find((pod) => hasTemplate(pod, hash) && !isReady(pod));
  if (fresh === undefined) return undefined;
  const why =
    whyBroken(fresh) ?? (unreadyForMs(fresh, observed.nowMs) > comeBackMs ? 'it is not ready' : undefined);
  if (why === undefined) return waiting('RollingUpdate', `Waiting for ${nameOf(fresh)} to come back.`);
  return blocked(
    'UpgradeBlocked',
    `${nameOf(fresh)} does not come back with the new template: ${why}. ` +
      'The other pods keep the old one. Correct the resource, or wait for the pod.',
    [],
    laterMs,
  );
}

/** Whether others serve everything that this running but unready pod may hold. */
function isSpare({ view }: Observed, pod: Pod): boolean {
  return view.is === 'known' && chainsResting(view.view, nameOf(pod)).length === 0;
}

/** The pod whose leaving changes the fewest heads, then the fewest tails; then the highest ordinal. */
function cheapest(view: CoordinatorView, pods: readonly Pod[]): Pod {
  const cost = (pod: Pod) => {
    const heads = view.chains.filter(({ members }) => members[0]?.node === nameOf(pod)).length;
    const tails = view.chains.filter(({ members }) => members.at(-1)?.node === nameOf(pod)).length;
    return heads * 1_000_000 + tails;
  };
  const [first, ...rest] = [...pods].reverse() as [Pod, ...Pod[]];
  return rest.reduce((best, pod) => (cost(pod) < cost(best) ? pod : best), first);
}

function restarting(old: readonly Pod[], victim: Pod, why: string): Outcome {
  const message = `Restarting ${nameOf(victim)}; ${old.length} with an old template, this one included.`;
  return waiting('RollingUpdate', message, restart(victim, why));
}

/** The pod's own grace period lets it leave its chains first. */
function restart(pod: Pod, why: string): Action[] {
  const note = `Restarting ${nameOf(pod)}: ${why}.`;
  return [
    { do: 'delete', ref: refOf(pod), uid: pod.metadata.uid },
    { do: 'event', event: { type: 'Normal', reason: 'PodRestarted', action: 'Restart', note } },
  ];
}

function nameOf(pod: Pod): string {
  return pod.metadata.name;
}
