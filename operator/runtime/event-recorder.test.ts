import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Api } from './api.ts';
import { EventRecorder } from './event-recorder.ts';
import { type FakeApiServer, startFakeApiServer } from './fake-api-server.ts';
import type { KubeObject } from './kube-object.ts';
import { ManualClock } from './manual-clock.ts';

const cluster: KubeObject = {
  apiVersion: 'chaincluster.dev/v1alpha1',
  kind: 'ChainCluster',
  metadata: { name: 'demo', namespace: 'ns', uid: 'u1', resourceVersion: '7' },
};
const event = {
  type: 'Normal',
  reason: 'PodRestarted',
  action: 'Restart',
  note: 'Restarting demo-node-0.',
} as const;

let server: FakeApiServer;
let clock: ManualClock;
let recorder: EventRecorder;
beforeEach(async () => {
  server = await startFakeApiServer();
  clock = new ManualClock();
  const api = new Api({ connection: server.connection });
  recorder = new EventRecorder({ api, identity: 'op_1', clock, log: pino({ level: 'silent' }) });
});
afterEach(() => server.close());

const events = '/apis/events.k8s.io/v1/namespaces/ns/events';
const creates = () => server.requests.filter((line) => line.startsWith('POST'));
const patches = () => server.requests.filter((line) => line.startsWith('PATCH'));
function written(): Record<string, unknown> {
  const name = /events\/([^?]+)/.exec(patches()[0] ?? '')?.[1] ?? '';
  return server.get(events, name) as unknown as Record<string, unknown>;
}

test('one event, then a count on it, written at most once a minute', async () => {
  for (let i = 0; i < 10; i++) recorder.record(cluster, event);
  await recorder.flush();
  expect(creates()).toHaveLength(1);
  expect(patches()).toHaveLength(0);
  await clock.advance(60_000);
  recorder.record(cluster, event);
  await recorder.flush();
  expect(patches()).toHaveLength(1);
  expect(written()).toMatchObject({
    reason: 'PodRestarted',
    reportingController: 'chaincluster.dev/operator',
    reportingInstance: 'op_1',
    regarding: { kind: 'ChainCluster', name: 'demo', uid: 'u1' },
    series: { count: 11 },
  });
});

test('after a long pause a repetition is a new event', async () => {
  recorder.record(cluster, event);
  await clock.advance(400_000);
  recorder.record(cluster, event);
  await recorder.flush();
  expect(creates()).toHaveLength(2);
});

test('an object has a budget that refills', async () => {
  for (let i = 0; i < 100; i++) recorder.record(cluster, { ...event, note: `number ${i}` });
  await recorder.flush();
  expect(creates()).toHaveLength(25);
  await clock.advance(120_000);
  for (let i = 0; i < 10; i++) recorder.record(cluster, { ...event, note: `later ${i}` });
  await recorder.flush();
  expect(creates()).toHaveLength(27);
});

test('a refused event is dropped and the next one is written', async () => {
  server.failNext('POST', 403);
  recorder.record(cluster, event);
  recorder.record(cluster, { ...event, note: 'another' });
  await recorder.flush();
  expect(creates()).toHaveLength(2);
});

test('a note is cut to what the API takes', async () => {
  recorder.record(cluster, { ...event, note: 'x'.repeat(5000) });
  await clock.advance(60_000);
  recorder.record(cluster, { ...event, note: 'x'.repeat(5000) });
  await recorder.flush();
  expect(String(written().note)).toHaveLength(1024);
});
