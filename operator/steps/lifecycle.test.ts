import { describe, expect, test } from 'vitest';
import type { ChainCluster } from '../../manifest/types.ts';
import { decide } from '../decide.ts';
import { clusterWith, nowMs, observedOf } from '../fixtures.ts';
import { readConfigMap } from '../objects/config-map.ts';
import type { ConfigMap } from '../objects/kinds.ts';
import { changes, events, writes } from './in-short.ts';
import { finalizing, pause, validation } from './lifecycle.ts';

const cluster = clusterWith({ nodes: 4 });

describe('lifecycle', () => {
  test('a new resource gets the finalizer, beside those of others', () => {
    const fresh = clusterWith({}, { finalizers: ['other/one'] });
    expect(finalizing.decide(observedOf(fresh)).actions).toEqual([
      expect.objectContaining({
        do: 'patch',
        patch: { metadata: { finalizers: ['other/one', 'chaincluster.dev/cleanup'], resourceVersion: '42' } },
      }),
    ]);
  });

  test.each<[string, ChainCluster, RegExp]>([
    [
      'a long name',
      clusterWith({}, { name: 'x'.repeat(60) }),
      /metadata.name has 60 characters.*shorter name/,
    ],
    [
      'too few nodes',
      clusterWith({ nodes: 2, replicationFactor: 3 }),
      /Raise nodes or lower replicationFactor/,
    ],
  ])('%s is refused before anything is made', (_, bad, sentence) => {
    const outcome = validation.decide(observedOf(bad));
    expect(outcome).toMatchObject({
      is: 'blocked',
      reason: 'InvalidSpec',
      message: expect.stringMatching(sentence),
    });
    expect(changes(observedOf(bad, { children: new Map() }))).toEqual([]);
  });

  test('a paused resource changes one word and nothing else', () => {
    const before = observedOf(cluster);
    const paused = { ...before, cluster: clusterWith({ nodes: 9, paused: true, image: 'other:2' }) };
    expect(changes(paused)).toEqual(['apply ConfigMap demo-config']);
    const [action] = pause.decide(paused).actions;
    const file = action?.do === 'apply' ? readConfigMap(action.object as ConfigMap) : undefined;
    expect([file?.paused, file?.nodes]).toEqual([true, 4]);
  });

  const deletedAt = (secondsAgo: number) => new Date(nowMs - secondsAgo * 1000).toISOString();
  const doomed = (whenDeleted: 'Retain' | 'Delete', secondsAgo = 5, annotations = {}) => {
    const { storage } = cluster.spec;
    return clusterWith(
      { nodes: 4, storage: { ...storage, retention: { ...storage.retention, whenDeleted } } },
      { deletionTimestamp: deletedAt(secondsAgo), annotations },
    );
  };

  test('a deleted resource whose volumes are kept goes at once', () => {
    expect(changes(observedOf(doomed('Retain')))).toEqual(['patch ChainCluster demo']);
  });

  test('one whose volumes go takes sets, pods and volumes down in this order', () => {
    const observed = observedOf(doomed('Delete'));
    expect(changes(observed)).toEqual([
      'delete StatefulSet demo-node',
      'delete StatefulSet demo-coordinator',
    ]);
    const bare = { ...observed, children: new Map() };
    expect(changes(bare)).toHaveLength(4);
    expect(changes(bare).every((line) => line.startsWith('delete Pod'))).toBe(true);
    const podless = { ...bare, nodePods: [], coordinatorPods: [] };
    expect(changes(podless)).toContain('delete PersistentVolumeClaim data-demo-node-0');
    expect(changes({ ...podless, claims: [] })).toEqual(['patch ChainCluster demo']);
  });

  test('a cleanup that takes too long gives up loudly, and one that is not wanted is skipped', () => {
    const late = decide(observedOf(doomed('Delete', 700)));
    expect([writes(late.actions), events(late.actions)]).toEqual([
      ['patch ChainCluster demo'],
      ['CleanupTimedOut'],
    ]);
    const skipped = doomed('Delete', 5, { 'chaincluster.dev/skip-cleanup': 'true' });
    expect(changes(observedOf(skipped))).toEqual(['patch ChainCluster demo']);
  });
});
