import { describe, expect, test } from 'vitest';
import { decide } from '../decide.ts';
import { claimOf, clusterWith, observedOf } from '../fixtures.ts';
import { readConfigMap } from '../objects/config-map.ts';
import type { ConfigMap } from '../objects/kinds.ts';
import { annotations } from '../objects/names.ts';
import type { Observed } from '../observed.ts';
import { changes } from './in-short.ts';
import { state } from './state.ts';

const cluster = clusterWith();

function without(observed: Observed, ...keys: string[]): Observed {
  const children = new Map(observed.children);
  for (const key of keys) children.delete(key);
  return { ...observed, children };
}

function applied(observed: Observed, name: string): ConfigMap | undefined {
  return decide(observed).actions.flatMap((action) =>
    action.do === 'apply' && action.object.metadata.name === name ? [action.object as ConfigMap] : [],
  )[0];
}

describe('the state object', () => {
  test('that somebody deleted is made anew, under the id of the volumes', () => {
    // The resource was deleted and applied again, and the state was deleted in between.
    const again = clusterWith({}, { uid: 'second-uid' });
    const observed = without(
      observedOf(again, { claims: [0, 1, 2].map((i) => claimOf(cluster, i)) }),
      'ConfigMap/demo-state',
      'ConfigMap/demo-config',
    );
    expect(changes(observed)).toEqual(['apply ConfigMap demo-state', 'apply ConfigMap demo-config']);
    expect(applied(observed, 'demo-state')?.metadata.annotations).toEqual({
      [annotations.clusterId]: 'cluster-uid',
    });
    expect(readConfigMap(applied(observed, 'demo-config'))).toMatchObject({
      clusterId: 'cluster-uid',
      begun: true,
    });
  });

  test('is made anew for a paused resource too, as the coordinators cannot make it', () => {
    const paused = observedOf(clusterWith({ paused: true }));
    expect(changes(without(paused, 'ConfigMap/demo-state', 'Lease/demo-coordinator'))).toEqual([
      'apply Lease demo-coordinator',
      'apply ConfigMap demo-state',
    ]);
  });

  test('of a new cluster lets the coordinators begin', () => {
    const fresh = without(
      observedOf(cluster, { claims: [], view: { is: 'unknown', because: 'no pod yet' } }),
      'ConfigMap/demo-state',
      'ConfigMap/demo-config',
    );
    expect(readConfigMap(applied(fresh, 'demo-config'))).toMatchObject({
      clusterId: 'cluster-uid',
      begun: false,
    });
  });

  test('whose content is lost blocks, and says with what command it comes back', () => {
    const lost = { coordinator: 'demo-coordinator-2', message: 'It is gone.', clusterId: 'cluster-uid' };
    const observed = observedOf(cluster, { view: { is: 'unknown', because: lost.message, lost } });
    expect(state.decide(observed)).toMatchObject({
      is: 'blocked',
      reason: 'StateLost',
      message: expect.stringContaining('kubectl exec -n data demo-coordinator-2 -- chainctl recover --yes'),
    });
    // Nothing is restarted, scaled or removed meanwhile.
    expect(changes(observed).filter((line) => !line.startsWith('patch Pod'))).toEqual([]);
  });
});
