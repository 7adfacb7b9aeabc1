import { describe, expect, test } from 'vitest';
import type { ChainCluster } from '../../manifest/types.ts';
import { decide } from '../decide.ts';
import { chain, clusterWith, observedOf, podOf, viewOf } from '../fixtures.ts';
import type { Pod } from '../objects/kinds.ts';
import type { Observed } from '../observed.ts';
import { inShort, known, unknown, writes } from './in-short.ts';
import { mendingCoordinators, rollingCoordinators, rollingNodes } from './rolling.ts';

const cluster = clusterWith({ nodes: 4 });

describe('rolling update of nodes', () => {
  const old = (ordinal: number, change = {}) => podOf(cluster, 'node', ordinal, { hash: 'old', ...change });
  const fresh = (ordinal: number, change = {}) => podOf(cluster, 'node', ordinal, change);
  const full = viewOf(cluster);
  const thin = { ...full, chains: [chain(0, ['demo-node-0'], false), ...full.chains.slice(1)] };

  test.each<[string, Pod[], Observed['view'], 'done' | 'waiting' | 'blocked', string[]]>([
    ['nothing is old', [fresh(0), fresh(1), fresh(2), fresh(3)], known(full), 'done', []],
    ['one at a time', [old(0), old(1), old(2), old(3)], known(full), 'waiting', ['delete Pod demo-node-3']],
    ['not while a chain is thin', [old(0), old(1), old(2), old(3)], known(thin), 'waiting', []],
    ['not while the coordinator is not heard', [old(0), old(1), old(2), old(3)], unknown, 'waiting', []],
    [
      'not while one is going',
      [old(0), old(1), old(2), old(3, { terminating: true })],
      known(full),
      'waiting',
      [],
    ],
    ['not while one is not created', [old(0), old(1), old(2)], known(full), 'waiting', []],
    [
      'not while a new one starts',
      [old(0), old(1), old(2), fresh(3, { ready: false, readyForSeconds: 9 })],
      known(full),
      'waiting',
      [],
    ],
    [
      'stops at one that cannot run',
      [old(0), old(1), old(2), fresh(3, { ready: false, running: false, waitingFor: 'ImagePullBackOff' })],
      known(full),
      'blocked',
      [],
    ],
    [
      'stops at one that never gets ready',
      [old(0), old(1), old(2), fresh(3, { ready: false, readyForSeconds: 601 })],
      known(full),
      'blocked',
      [],
    ],
    [
      'a broken old one goes first',
      [old(0), old(1, { ready: false, running: false }), old(2), old(3)],
      known(thin),
      'waiting',
      ['delete Pod demo-node-1'],
    ],
    [
      'a broken old one needs no coordinator',
      [old(0), old(1, { ready: false, running: false }), old(2), old(3)],
      unknown,
      'waiting',
      ['delete Pod demo-node-1'],
    ],
    [
      'an unready old one goes when others serve its chains',
      [old(0), old(1, { ready: false }), old(2), old(3)],
      known(full),
      'waiting',
      ['delete Pod demo-node-1'],
    ],
    [
      'an unready old one that may hold the last copy stays',
      [old(0, { ready: false }), old(1), old(2), old(3)],
      known(thin),
      'waiting',
      [],
    ],
    [
      'an unready old one stays while nobody knows',
      [old(0, { ready: false }), old(1), old(2), old(3)],
      unknown,
      'waiting',
      [],
    ],
  ])('%s', (_, nodePods, view, is, expected) => {
    const outcome = rollingNodes.decide(observedOf(cluster, { nodePods, view }));
    expect(inShort(outcome)).toMatchObject({ is, writes: expected });
    if (is === 'blocked') expect(outcome).toMatchObject({ reason: 'UpgradeBlocked' });
  });

  test('takes the node that heads the fewest chains', () => {
    const chains = [0, 1, 2].map((slot) => chain(slot, ['demo-node-3', 'demo-node-2', 'demo-node-0']));
    const nodePods = [0, 1, 2, 3].map((ordinal) => old(ordinal));
    const order = (pods: Pod[]) =>
      writes(
        rollingNodes.decide(observedOf(cluster, { nodePods: pods, view: known({ ...full, chains }) }))
          .actions,
      );
    // 1 and 2 cost no head and no tail, 0 a tail, 3 a head.
    expect(order(nodePods)).toEqual(['delete Pod demo-node-2']);
    expect(order([old(0), old(1), fresh(2), old(3)])).toEqual(['delete Pod demo-node-1']);
    expect(order([old(0), fresh(1), fresh(2), old(3)])).toEqual(['delete Pod demo-node-0']);
    expect(order([fresh(0), fresh(1), fresh(2), old(3)])).toEqual(['delete Pod demo-node-3']);
  });

  test('waits for minReadySeconds, and leaves everything to people with OnDelete', () => {
    const nodePods = [old(0), old(1), old(2), fresh(3, { readyForSeconds: 5 })];
    const patient = clusterWith({ nodes: 4, updateStrategy: { type: 'Rolling', minReadySeconds: 10 } });
    expect(writes(rollingNodes.decide(observedOf(patient, { nodePods })).actions)).toEqual([]);
    const manual = clusterWith({ nodes: 4, updateStrategy: { type: 'OnDelete', minReadySeconds: 0 } });
    expect(inShort(rollingNodes.decide(observedOf(manual, { nodePods })))).toEqual({
      is: 'done',
      writes: [],
    });
  });

  test('is over when the last pod is back, and a pod that fails at another time is no update', () => {
    const progressing = (reason: string): ChainCluster => ({
      ...cluster,
      status: {
        conditions: [
          {
            type: 'Progressing',
            status: 'True',
            reason,
            message: '',
            observedGeneration: 3,
            lastTransitionTime: '2026-01-01T00:00:00Z',
          },
        ],
      },
    });
    const at = (reason: string, last: Pod) =>
      rollingNodes.decide(observedOf(progressing(reason), { nodePods: [fresh(0), fresh(1), fresh(2), last] }))
        .is;
    const starting = fresh(3, { ready: false, readyForSeconds: 5 });
    const failing = fresh(3, { ready: false, running: false, waitingFor: 'CrashLoopBackOff' });
    expect(at('RollingUpdate', starting)).toBe('waiting');
    expect(at('RollingUpdate', failing)).toBe('blocked');
    expect(at('UpgradeBlocked', failing)).toBe('blocked');
    expect(at('UpgradeBlocked', fresh(3))).toBe('done');
    expect(at('Reconciled', failing)).toBe('done');
  });

  test('a correction of the resource frees a blocked update', () => {
    const broken = podOf(cluster, 'node', 3, {
      hash: 'bad',
      ready: false,
      running: false,
      waitingFor: 'ErrImagePull',
    });
    const outcome = rollingNodes.decide(
      observedOf(cluster, { nodePods: [old(0), old(1), old(2), broken], view: known(thin) }),
    );
    expect(writes(outcome.actions)).toEqual(['delete Pod demo-node-3']);
  });

  test('a whole cluster that never ran is corrected too', () => {
    const nodePods = [0, 1, 2, 3].map((i) =>
      old(i, { ready: false, running: false, waitingFor: 'ErrImagePull' }),
    );
    expect(
      writes(rollingNodes.decide(observedOf(cluster, { nodePods, view: unknown })).actions),
    ).toHaveLength(1);
  });
});

describe('rolling update of coordinators', () => {
  const old = (ordinal: number, change = {}) =>
    podOf(cluster, 'coordinator', ordinal, { hash: 'old', ...change });
  const fresh = (ordinal: number, change = {}) => podOf(cluster, 'coordinator', ordinal, change);

  test.each<[string, Pod[], Observed['view'], string[]]>([
    ['followers first', [old(0), old(1), old(2)], known(viewOf(cluster)), ['delete Pod demo-coordinator-1']],
    [
      'the leader last',
      [old(0), fresh(1), fresh(2)],
      known(viewOf(cluster)),
      ['delete Pod demo-coordinator-0'],
    ],
    [
      'not while a new one starts',
      [old(0), old(1), fresh(2, { ready: false, readyForSeconds: 3 })],
      known(viewOf(cluster)),
      [],
    ],
    ['not while it is not known who leads', [old(0), old(1), fresh(2)], unknown, []],
    [
      'not while another is not ready',
      [old(0), old(1, { ready: false }), fresh(2)],
      known(viewOf(cluster)),
      [],
    ],
  ])('%s', (_, coordinatorPods, view, expected) => {
    expect(
      writes(rollingCoordinators.decide(observedOf(cluster, { coordinatorPods, view })).actions),
    ).toEqual(expected);
  });

  test('waits for the nodes, and for a blocked one too', () => {
    const nodePods = [
      podOf(cluster, 'node', 0, { hash: 'old' }),
      podOf(cluster, 'node', 1, { hash: 'old' }),
      podOf(cluster, 'node', 2, { hash: 'old' }),
      podOf(cluster, 'node', 3, { ready: false, running: false, waitingFor: 'CrashLoopBackOff' }),
    ];
    const made = decide(observedOf(cluster, { nodePods, coordinatorPods: [old(0), old(1), old(2)] }));
    expect(made.outcomes.map(({ step }) => step)).not.toContain('rolling coordinators');
  });

  test('coordinators that are down are restarted before everything else', () => {
    const coordinatorPods = [0, 1, 2].map((i) =>
      old(i, { ready: false, running: false, waitingFor: 'CrashLoopBackOff' }),
    );
    const outcome = mendingCoordinators.decide(observedOf(cluster, { coordinatorPods, view: unknown }));
    expect(writes(outcome.actions)).toEqual(['delete Pod demo-coordinator-0']);
    const starting = [old(0, { ready: false, readyForSeconds: 30 }), old(1), old(2)];
    expect(mendingCoordinators.decide(observedOf(cluster, { coordinatorPods: starting })).actions).toEqual(
      [],
    );
  });
});
