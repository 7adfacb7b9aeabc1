import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { measureOperator } from './measure.ts';
import { between, distribution, parseMetrics, total } from './metrics.ts';
import { countVerbs, writesIn } from './requests.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chaincluster-operator-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the operator brings simulated clusters up, restarts their pods, and is quiet otherwise', async () => {
  const phases = await measureOperator({
    folder,
    clusters: 3,
    spec: { slots: 4, updateStrategy: { type: 'Rolling', minReadySeconds: 0 } },
    steadyMs: 1500,
    resyncSeconds: 1,
    pods: { startMs: 20, readyMs: 20, endMs: 10 },
    say: () => undefined,
  });
  expect(phases.map(({ clusters, what }) => `${clusters} ${what}`)).toEqual([
    '1 created',
    '1 steady',
    '3 created',
    '3 steady',
    '3 changed',
    '3 steady',
    '3 restarted',
  ]);
  for (const { what, clusters, reconciles, requests } of phases) {
    expect(reconciles).toBeGreaterThanOrEqual(clusters === 1 ? 1 : 2);
    if (what === 'steady' || what === 'restarted') expect(writesIn(requests)).toBe(0);
  }
  const changed = phases.find(({ what }) => what === 'changed');
  // Every pod once: three storage nodes and three coordinators for each cluster.
  expect(changed?.requests.get('delete')).toBe(3 * 6);
}, 60_000);

test('figures of a process', () => {
  const before = parseMetrics(
    '# HELP s x\ns_bucket{le="1"} 1\ns_bucket{le="2"} 1\ns_bucket{le="+Inf"} 1\ns_sum 1\ns_count 1\n',
  );
  const after = parseMetrics(
    's_bucket{le="1"} 51\ns_bucket{le="2"} 101\ns_bucket{le="+Inf"} 101\ns_sum 101\ns_count 101\n',
  );
  const metrics = between(before, after);
  expect(total(metrics, 's_count')).toBe(100);
  expect(distribution(metrics, 's')).toEqual({ count: 100, mean: 1, p50: 1, p99: 1.98, most: 2 });
});

test('requests by what they do', () => {
  const counts = countVerbs([
    'GET /api/v1/pods?limit=500',
    'GET /api/v1/pods?watch=true',
    'GET /apis/coordination.k8s.io/v1/namespaces/a/leases/x',
    'PATCH /apis/coordination.k8s.io/v1/namespaces/a/leases/x?force=true',
    'PUT /apis/coordination.k8s.io/v1/namespaces/ops/leases/operator',
    'PATCH /apis/chaincluster.dev/v1alpha1/namespaces/a/chainclusters/x/status?fieldManager=y',
    'DELETE /api/v1/namespaces/a/pods/x',
  ]);
  expect(Object.fromEntries(counts)).toEqual({
    list: 1,
    watch: 1,
    get: 1,
    apply: 1,
    renew: 1,
    status: 1,
    delete: 1,
  });
  expect(writesIn(counts)).toBe(3);
});
