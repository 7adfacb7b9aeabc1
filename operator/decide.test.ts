import { expect, test } from 'vitest';
import { decide } from './decide.ts';
import { clusterWith, observedOf } from './fixtures.ts';
import { changes, unknown } from './steps/in-short.ts';

const cluster = clusterWith({ nodes: 4 });

test('a cluster that is as it should be is left alone, and nothing is waited for', () => {
  const seen = { 'chaincluster.dev/config-seen': '' };
  const observed = observedOf(cluster);
  const hash = decide(observed).actions.flatMap((action) =>
    action.do === 'patch' && action.ref.kind === 'Pod'
      ? [(action.patch as { metadata: { annotations: typeof seen } }).metadata.annotations]
      : [],
  )[0];
  const coordinatorPods = observed.coordinatorPods.map((pod) => ({
    ...pod,
    metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, ...hash } },
  }));
  const settled = { ...observed, coordinatorPods };
  expect(changes(settled)).toEqual([]);
  expect(decide(settled).outcomes.filter(({ outcome }) => outcome.is !== 'done')).toEqual([]);
});

test('a cluster that does not exist yet gets everything, what coordinators need first', () => {
  const observed = observedOf(cluster, {
    children: new Map(),
    nodePods: [],
    coordinatorPods: [],
    claims: [],
    view: unknown,
  });
  const made = changes(observed);
  expect(made.filter((line) => line.startsWith('apply'))).toHaveLength(14);
  expect(made.indexOf('apply Lease demo-coordinator')).toBeLessThan(
    made.indexOf('apply StatefulSet demo-coordinator'),
  );
  expect(made.indexOf('apply ConfigMap demo-config')).toBeLessThan(
    made.indexOf('apply StatefulSet demo-node'),
  );
});
