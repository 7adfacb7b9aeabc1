import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Api, appliedHashAnnotation } from './api.ts';
import { ApiError } from './api-error.ts';
import { type FakeApiServer, startFakeApiServer } from './fake-api-server.ts';
import type { KubeObject } from './kube-object.ts';

interface ConfigMap extends KubeObject {
  data: Record<string, string>;
}

let server: FakeApiServer;
let api: Api;
beforeEach(async () => {
  server = await startFakeApiServer();
  api = new Api({ connection: server.connection });
});
afterEach(() => server.close());

const writes = () => server.requests.filter((line) => !line.startsWith('GET'));
const map = (data: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'm', namespace: 'ns' },
  data,
});

describe('apply', () => {
  test('creates, then writes nothing while the object says what is wanted', async () => {
    const live = await api.apply(map({ a: '1' }), undefined);
    expect(writes()).toEqual([
      'PATCH /api/v1/namespaces/ns/configmaps/m?fieldManager=chaincluster-operator&force=true',
    ]);
    expect(live?.metadata.annotations?.[appliedHashAnnotation]).toMatch(/^[0-9a-f]{12}$/);
    expect(await api.apply(map({ a: '1' }), live)).toBeUndefined();
    expect(writes()).toHaveLength(1);
  });

  test('writes when somebody changed a field, and when a field is no longer wanted', async () => {
    const live = (await api.apply(map({ a: '1', b: '2' }), undefined)) as ConfigMap;
    expect(await api.apply(map({ a: '1', b: '2' }), { ...live, data: { a: 'tampered' } })).toBeDefined();
    expect(await api.apply(map({ a: '1' }), live)).toBeDefined();
    expect(writes()).toHaveLength(3);
  });

  test('does not fight a server that rewrites what it is given', async () => {
    const rewriting = new Api({
      connection: {
        ...server.connection,
        send: async () => ({ ...map({ a: 'rewritten' }), metadata: { name: 'm', uid: 'u', generation: 1 } }),
      },
    });
    const live = (await rewriting.apply(map({ a: '1' }), undefined)) as ConfigMap;
    expect(await rewriting.apply(map({ a: '1' }), live)).toBeUndefined();
    const touched = { ...live, metadata: { ...live.metadata, generation: 2 } };
    expect(await rewriting.apply(map({ a: '1' }), touched)).toBeDefined();
  });
});

test('a status is written only when it differs, and for this very object', async () => {
  const cluster: KubeObject & { status?: unknown } = {
    apiVersion: 'chaincluster.dev/v1alpha1',
    kind: 'ChainCluster',
    metadata: { name: 'c', namespace: 'ns' },
  };
  const live = server.put(cluster) as typeof cluster;
  const wanted = { ...live, status: { chains: [] } };
  const answer = await api.applyStatus(wanted, live);
  expect(answer?.status).toEqual({ chains: [] });
  expect(await api.applyStatus(wanted, wanted)).toBeUndefined();
  const successor = { ...wanted, metadata: { ...wanted.metadata, uid: 'another' } };
  await expect(api.applyStatus(successor, live)).rejects.toMatchObject({ code: 409 });
});

test('a delete hits only the object that was read', async () => {
  const { metadata, apiVersion, kind } = server.put({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns' },
  });
  const ref = { apiVersion, kind, namespace: 'ns', name: 'p' };
  await expect(api.delete(ref, { uid: 'another' })).rejects.toMatchObject({ code: 409 });
  await api.delete(ref, { uid: metadata.uid });
  expect(await api.get(ref)).toBeUndefined();
  expect(await api.delete(ref, { uid: metadata.uid })).toBeUndefined();
});

test('a process that does not lead writes nothing', async () => {
  const follower = new Api({ connection: server.connection, mayWrite: () => false });
  await expect(follower.apply(map({}), undefined)).rejects.toMatchObject({ reason: 'NotLeader' });
  expect(writes()).toEqual([]);
});

test('an error carries the code, the reason, the wait and the sentence of the server, and no body', async () => {
  server.failNext('GET', 429, 1, { 'retry-after': '7' });
  const error = await api
    .get({ apiVersion: 'v1', kind: 'Pod', namespace: 'ns', name: 'p' })
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    code: 429,
    reason: 'Injected',
    retryAfterMs: 7000,
    message: 'GET /api/v1/namespaces/ns/pods/p: 429 refused: Injected',
  });
});

test('a connection that breaks is no answer, and says so', async () => {
  server.failNext('GET', 0);
  const error = await api
    .get({ apiVersion: 'v1', kind: 'Pod', namespace: 'ns', name: 'p' })
    .catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 0, reason: 'NoAnswer' });
});

test('asks for optional kinds without failing where they are unknown', async () => {
  server.failNext('GET /apis/monitoring.coreos.com/v1', 404);
  expect(await api.serves('PodMonitor')).toBe(false);
});
