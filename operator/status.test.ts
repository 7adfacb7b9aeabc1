import { describe, expect, test } from 'vitest';
import type { ChainClusterStatus, ConditionType } from '../manifest/types.ts';
import { decide } from './decide.ts';
import { chain, clusterWith, observedOf, podOf, viewOf } from './fixtures.ts';
import type { Observed } from './observed.ts';
import { buildStatus } from './status.ts';
import { transitions } from './transitions.ts';

const cluster = clusterWith();
const unknown: Observed['view'] = { is: 'unknown', because: 'nobody answers' };
const full = viewOf(cluster);
const statusOf = (observed: Observed) => buildStatus(observed, decide(observed));
const conditionOf = (status: ChainClusterStatus, type: ConditionType) =>
  status.conditions?.find((condition) => condition.type === type);
const reasons = (status: ChainClusterStatus) =>
  Object.fromEntries(
    (status.conditions ?? []).map(({ type, status: is, reason }) => [type, `${is} ${reason}`]),
  );

const healthy = statusOf(observedOf(cluster));
const experienced = { ...cluster, status: healthy };

describe('buildStatus', () => {
  test('of a healthy cluster', () => {
    expect(healthy).toMatchSnapshot();
  });

  test('is the same at every look, so that nothing is written', () => {
    const later = observedOf(experienced, { nowMs: Date.now() });
    expect(statusOf(later)).toEqual(healthy);
  });

  test('of a cluster that has just been asked for', () => {
    const observed = observedOf(cluster, {
      children: new Map(),
      nodePods: [],
      coordinatorPods: [],
      claims: [],
      view: unknown,
    });
    const status = statusOf(observed);
    expect(reasons(status)).toEqual({
      Ready: 'False Creating',
      Available: 'Unknown CoordinatorUnreachable',
      Progressing: 'False Reconciled',
      Degraded: 'False Creating',
      CoordinatorElected: 'False NoLeader',
      ChainsFullyReplicated: 'Unknown CoordinatorUnreachable',
      StateLost: 'Unknown CoordinatorUnreachable',
      UpgradeBlocked: 'False NotBlocked',
      Paused: 'False NotPaused',
    });
    expect(status).toMatchObject({
      nodes: 0,
      readyNodes: 0,
      coordinator: { leader: '', epoch: 0, ready: 0 },
    });
    expect(status).not.toHaveProperty('chains');
  });

  test('keeps what was last known of the chains while no coordinator is heard', () => {
    const status = statusOf(observedOf(experienced, { view: unknown }));
    expect(status.chains).toEqual(healthy.chains);
    expect(status.coordinator).toMatchObject({ leader: '', epoch: 4 });
    expect(reasons(status)).toMatchObject({
      Ready: 'False NoLeader',
      Available: 'Unknown CoordinatorUnreachable',
    });
  });

  test('says that the state is lost and with what command it comes back, also on a fresh resource', () => {
    const lost = { coordinator: 'demo-coordinator-2', message: 'It is gone.', clusterId: 'cluster-uid' };
    for (const each of [cluster, experienced]) {
      const status = statusOf(
        observedOf(each, { view: { is: 'unknown', because: lost.message, lost }, nodePods: [] }),
      );
      expect(reasons(status)).toMatchObject({
        Ready: 'False StateLost',
        Available: 'Unknown StateLost',
        Degraded: 'True StateLost',
        CoordinatorElected: 'False StateLost',
        StateLost: 'True StateLost',
      });
      expect(conditionOf(status, 'Ready')?.message).toBe(
        'It is gone. (here: kubectl exec -n data demo-coordinator-2 -- chainctl recover --yes)',
      );
    }
  });

  test('counts chains, worst first, and caps the list', () => {
    const many = clusterWith({ slots: 64 });
    const view = viewOf(many);
    const chains = view.chains.map((each) => chain(each.slot, ['demo-node-0'], false, each.slot !== 50));
    const status = statusOf(observedOf(many, { view: { is: 'known', view: { ...view, chains } } }));
    expect(status.chains).toMatchObject({
      total: 64,
      full: 0,
      degraded: 63,
      unavailable: 1,
      summary: '0/64',
    });
    expect(status.chains?.notFull).toHaveLength(32);
    expect(status.chains?.notFull[0]).toEqual({
      slot: 50,
      version: 1,
      members: ['demo-node-0'],
      reason: 'NoServingMember',
    });
    expect(conditionOf(status, 'Available')?.message).toContain('slot 50');
  });

  test('tells a thin chain from an unavailable one', () => {
    const thin = [chain(0, ['demo-node-0'], false), ...full.chains.slice(1)];
    const status = statusOf(
      observedOf(experienced, { view: { is: 'known', view: { ...full, chains: thin } } }),
    );
    expect(reasons(status)).toMatchObject({
      Ready: 'False ChainsNotFull',
      Available: 'True ChainsServe',
      Degraded: 'True ChainsNotFull',
      ChainsFullyReplicated: 'False ChainsNotFull',
    });
    expect(status.chains?.notFull[0]?.reason).toBe('MemberMissing');
  });

  test('names a pod that cannot run, and what is wrong with it', () => {
    const nodePods = [0, 1, 2].map((i) =>
      podOf(
        cluster,
        'node',
        i,
        i === 1 ? { ready: false, running: false, waitingFor: 'ImagePullBackOff' } : {},
      ),
    );
    const status = statusOf(observedOf(experienced, { nodePods }));
    expect(conditionOf(status, 'Ready')?.message).toContain('demo-node-1: its image cannot be pulled.');
    expect(reasons(status)).toMatchObject({ Ready: 'False PodsNotReady', Degraded: 'True PodBroken' });
  });

  test('is not ready while a coordinator is missing, and does not count nodes that are to go', () => {
    const coordinatorPods = [podOf(cluster, 'coordinator', 0), podOf(cluster, 'coordinator', 1)];
    const nodePods = [0, 1, 2, 3].map((i) => podOf(cluster, 'node', i, i === 3 ? { ready: false } : {}));
    const status = statusOf(observedOf(experienced, { coordinatorPods, nodePods }));
    expect(conditionOf(status, 'Ready')).toMatchObject({
      status: 'False',
      message: 'Not ready: demo-coordinator-2.',
    });
  });

  test('shows a blocked update and both versions', () => {
    const nodePods = [
      podOf(cluster, 'node', 0, { hash: 'old', image: 'registry:5000/store:0.9.0' }),
      podOf(cluster, 'node', 1),
      podOf(cluster, 'node', 2, { ready: false, running: false, waitingFor: 'CrashLoopBackOff' }),
    ];
    const status = statusOf(observedOf(experienced, { nodePods }));
    expect(status).toMatchObject({ updatedNodes: 2, readyNodes: 2, version: '1.0.0 → 0.9.0' });
    expect(reasons(status)).toMatchObject({
      Ready: 'False UpgradeBlocked',
      UpgradeBlocked: 'True PodDoesNotComeBack',
    });
  });

  test('of a paused cluster is ready, and says that it is paused', () => {
    const paused = { ...experienced, spec: { ...cluster.spec, paused: true } };
    expect(reasons(statusOf(observedOf(paused)))).toMatchObject({
      Ready: 'True Paused',
      Paused: 'True PausedBySpec',
    });
  });

  test('moves a transition time only when the status moves', () => {
    const seen = '2020-01-01T00:00:00Z';
    const before = {
      ...healthy,
      conditions: healthy.conditions?.map((c) => ({ ...c, lastTransitionTime: seen })) ?? [],
    };
    const status = statusOf(observedOf({ ...cluster, status: before }, { view: unknown }));
    expect(conditionOf(status, 'Paused')?.lastTransitionTime).toBe(seen);
    expect(conditionOf(status, 'Ready')?.lastTransitionTime).not.toBe(seen);
  });
});

describe('transitions', () => {
  const eventsOf = (before: ChainClusterStatus | undefined, after: ChainClusterStatus) =>
    transitions(before, after).map(({ type, reason }) => `${type} ${reason}`);
  const restarting = statusOf(
    observedOf(experienced, {
      nodePods: [0, 1, 2].map((i) => podOf(cluster, 'node', i, { hash: 'old', ready: i > 0 })),
    }),
  );

  test('nothing changed, nothing told', () => {
    expect(transitions(healthy, healthy)).toEqual([]);
  });

  test('a cluster that becomes ready has a leader and is ready', () => {
    expect(eventsOf(undefined, healthy)).toEqual(['Normal LeaderElected', 'Normal Ready']);
  });

  test('an update is told at its start and its end, and what it takes down meanwhile is not', () => {
    expect(eventsOf(healthy, restarting)).toEqual(['Normal RollingUpdateStarted']);
    expect(eventsOf(restarting, healthy)).toEqual(['Normal Ready', 'Normal RollingUpdateCompleted']);
  });

  test('an accident is told', () => {
    const lost = statusOf(observedOf(experienced, { view: unknown }));
    expect(eventsOf(healthy, lost)).toEqual(['Warning LeaderLost', 'Warning NoLeader']);
    expect(eventsOf(lost, lost)).toEqual([]);
    const dead = {
      ...full,
      chains: full.chains.map(({ slot }) => chain(slot, ['demo-node-0'], false, false)),
    };
    const unavailable = statusOf(observedOf(experienced, { view: { is: 'known', view: dead } }));
    expect(eventsOf(healthy, unavailable)).toEqual([
      'Warning ChainsUnavailable',
      'Warning ChainsUnavailable',
    ]);
  });

  test('a lost state is told once, also in the middle of an update, and so is its return', () => {
    const lost = { coordinator: 'demo-coordinator-2', message: 'It is gone.', clusterId: 'cluster-uid' };
    const view = { is: 'unknown', because: lost.message, lost } as const;
    const without = statusOf(observedOf(experienced, { view }));
    expect(eventsOf(healthy, without)).toEqual(['Warning StateLost']);
    expect(eventsOf(without, without)).toEqual([]);
    expect(eventsOf(without, healthy)).toEqual([
      'Normal LeaderElected',
      'Normal StateRecovered',
      'Normal Ready',
    ]);
    const rolling = [0, 1, 2].map((i) => podOf(cluster, 'node', i, { hash: 'old' }));
    const inUpdate = statusOf(observedOf(experienced, { view, nodePods: rolling }));
    expect(eventsOf(restarting, inUpdate)).toEqual(['Warning StateLost']);
  });

  test('a pause and its end', () => {
    const paused = statusOf(observedOf({ ...experienced, spec: { ...cluster.spec, paused: true } }));
    expect(eventsOf(healthy, paused)).toEqual(['Normal ReconcilePaused']);
    expect(eventsOf(paused, healthy)).toEqual(['Normal ReconcileResumed']);
  });
});
