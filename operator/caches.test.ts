import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Caches } from './caches.ts';
import { clusterWith, podOf } from './fixtures.ts';
import { labelsOf } from './objects/names.ts';
import { systemClock } from './runtime/clock.ts';
import { type FakeApiServer, startFakeApiServer } from './runtime/fake-api-server.ts';
import type { KubeObject } from './runtime/kube-object.ts';
import { createMetrics } from './runtime/metrics.ts';

const [demo, other] = [clusterWith(), clusterWith({}, { name: 'other' })];

let server: FakeApiServer;
let stop: AbortController;
let ended: Promise<void>;
let caches: Caches;
const dirty: string[] = [];
beforeEach(async () => {
  server = await startFakeApiServer();
  stop = new AbortController();
  dirty.length = 0;
  caches = new Caches({
    connection: server.connection,
    namespaces: [],
    onDirty: (key) => dirty.push(key),
    clock: systemClock,
    random: Math.random,
    log: pino({ level: 'silent' }),
    metrics: createMetrics(),
  });
  ended = caches.run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await ended;
  await server.close();
});

const names = (cluster = demo) => caches.childrenOf(cluster).map(({ metadata }) => metadata.name);

test('children are found by their label, wherever it says that they belong at the moment', async () => {
  const pod = podOf(demo, 'node', 0);
  server.put(pod);
  server.put(podOf(demo, 'node', 1));
  await vi.waitFor(() => expect(names()).toEqual(['demo-node-0', 'demo-node-1']));
  server.put({ ...pod, metadata: { ...pod.metadata, labels: labelsOf(other, 'node') } });
  await vi.waitFor(() => expect(names(other)).toEqual(['demo-node-0']));
  expect(names()).toEqual(['demo-node-1']);
  expect(dirty).toContain('data/other');
  server.remove('/api/v1/namespaces/data/pods', 'demo-node-1');
  await vi.waitFor(() => expect(names()).toEqual([]));
});

test('of pods the types tell what is kept; of the coordinators’ state only that it is there', async () => {
  const pod = podOf(demo, 'node', 0);
  const more = {
    spec: { ...pod.spec, volumes: [{ name: 'data' }] },
    status: { ...pod.status, hostIP: '192.0.2.1' },
  };
  server.put({ ...pod, ...more });
  const metadata = { name: 'demo-state', namespace: 'data', labels: labelsOf(demo, 'coordinator') };
  const state = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
  server.put({ ...state, ...{ binaryData: { 'state.json.gz': 'AAAA' } } });
  await vi.waitFor(() => expect(names()).toHaveLength(2));
  const found = (kind: string, name: string) => caches.get(kind, 'data', name) as KubeObject;
  const { spec, status } = found('Pod', 'demo-node-0') as typeof pod;
  expect({ spec, status }).toEqual({ spec: pod.spec, status: pod.status });
  expect(found('ConfigMap', 'demo-state')).toMatchObject({ metadata });
  expect(found('ConfigMap', 'demo-state')).not.toHaveProperty('binaryData');
});
