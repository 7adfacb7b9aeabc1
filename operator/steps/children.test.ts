import { describe, expect, test } from 'vitest';
import type { ChainCluster } from '../../manifest/types.ts';
import { decide } from '../decide.ts';
import { clusterWith, observedOf } from '../fixtures.ts';
import type { StatefulSet } from '../objects/kinds.ts';
import { changes } from './in-short.ts';

const cluster = clusterWith({ nodes: 4 });

describe('children', () => {
  test('what is switched off is deleted if it is there', () => {
    const off = clusterWith({ nodes: 4, pdb: { enabled: false } });
    const observed = { ...observedOf(cluster), cluster: off };
    expect(changes(observed).filter((line) => line.includes('Budget'))).toEqual([
      'delete PodDisruptionBudget demo-node',
      'delete PodDisruptionBudget demo-coordinator',
    ]);
  });

  test('a PodMonitor is made only where the API knows it, and its absence holds nothing up', () => {
    const wanting = clusterWith({ nodes: 4, monitoring: { podMonitor: true }, image: 'other:2' });
    const without = decide(observedOf(wanting));
    expect(without.outcomes).toContainEqual({
      step: 'pod monitor',
      outcome: expect.objectContaining({ is: 'blocked', reason: 'PodMonitorUnknown' }),
    });
    expect(without.outcomes.map(({ step }) => step)).toContain('rolling nodes');
    expect(changes(observedOf(wanting, { podMonitorApi: true }))).toContain(
      'apply PodMonitor demo-chaincluster',
    );
  });

  test('without a named image the one in use is kept, and a new cluster gets the default', () => {
    const { image: _, ...spec } = cluster.spec;
    const imageOf = (status: ChainCluster['status']) => {
      const unnamed = { ...cluster, spec, ...(status === undefined ? {} : { status }) };
      const set = decide(observedOf(cluster, { cluster: unnamed })).actions.flatMap((action) =>
        action.do === 'apply' && action.object.kind === 'StatefulSet' ? [action.object as StatefulSet] : [],
      )[0];
      return set?.spec.template.spec.containers[0]?.image;
    };
    expect(imageOf({ targetImage: 'used:1' })).toBe('used:1');
    expect(imageOf(undefined)).toBe('default:1');
  });
});
