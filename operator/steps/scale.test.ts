import { describe, expect, test } from 'vitest';
import { decide } from '../decide.ts';
import { clusterWith, observedOf, viewOf } from '../fixtures.ts';
import type { Observed } from '../observed.ts';
import { inShort, known, unknown } from './in-short.ts';
import { scale, scaling } from './scale.ts';

const cluster = clusterWith({ nodes: 4 });

describe('scaling', () => {
  const shrunk = clusterWith({ nodes: 3 });
  const running = (view: Observed['view'], wanted = shrunk) => ({
    ...observedOf(cluster),
    cluster: wanted,
    view,
  });
  const draining = { name: 'demo-node-3', status: 'healthy', chains: 0, admitted: true, draining: true };
  const emptied = viewOf(shrunk, { nodes: [...viewOf(shrunk).nodes, draining] });

  test('out is at once', () => {
    expect(scale(running(unknown, clusterWith({ nodes: 9 })))).toMatchObject({ replicas: 9, leaving: [] });
  });

  test.each<[string, Observed['view'], number]>([
    ['waits while the coordinator is not heard', unknown, 4],
    ['waits while the node holds chains', known(viewOf(cluster)), 4],
    [
      'waits while a chain names it, though its node entry is gone',
      known({ ...viewOf(cluster), nodes: [] }),
      4,
    ],
    [
      'waits until the coordinator has taken note of the drain',
      known({ ...emptied, nodes: [{ ...draining, draining: false }] }),
      4,
    ],
    ['removes a node that holds nothing', known(emptied), 3],
    ['removes a node that the coordinator never met', known(viewOf(shrunk)), 3],
  ])('in %s', (_, view, replicas) => {
    const { leaving, outcome, ...rest } = scale(running(view));
    expect([rest.replicas, leaving, outcome.is]).toEqual([replicas, ['demo-node-3'], 'waiting']);
  });

  test('in removes one at a time, and drains all that will go', () => {
    const wanted = clusterWith({ nodes: 3 });
    const big = observedOf(clusterWith({ nodes: 6 }));
    const result = scale({ ...big, cluster: wanted, view: known(viewOf(wanted)) });
    expect(result).toMatchObject({ replicas: 5, leaving: ['demo-node-3', 'demo-node-4', 'demo-node-5'] });
  });

  test('in below the replication factor is refused', () => {
    const outcome = scaling.decide(running(known(emptied), clusterWith({ nodes: 2 })));
    expect(inShort(outcome)).toEqual({ is: 'blocked', reason: 'ScaleInRefused', writes: [] });
  });

  test('in does not lose pods while the set is being made anew', () => {
    const observed = { ...running(known(viewOf(cluster))), children: new Map() };
    expect(scale(observed).replicas).toBe(4);
  });

  test('in holds an update back', () => {
    const observed = running(known(viewOf(cluster)), clusterWith({ nodes: 3, image: 'other:2' }));
    expect(decide(observed).outcomes.map(({ step }) => step)).not.toContain('rolling nodes');
  });
});
