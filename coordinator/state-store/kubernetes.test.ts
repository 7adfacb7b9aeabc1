import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeApi, startFakeApi } from './kubernetes.fake.ts';
import { createKubernetesStateStore } from './kubernetes.ts';
import { openApi, placeOfPod } from './kubernetes-api.ts';
import { stateStoreCases } from './state-store.contract.ts';
import type { StateStore } from './state-store.ts';

const objects = { namespace: 'n', lease: 'demo-coordinator', configMap: 'demo-state' };
const leasePath = '/apis/coordination.k8s.io/v1/namespaces/n/leases/demo-coordinator';
const statePath = '/api/v1/namespaces/n/configmaps/demo-state';

/** Of a request; above what a busy machine takes for one. */
const patienceMs = 1000;

let fake: FakeApi;
let stores: StateStore[];

beforeEach(async () => {
  fake = await startFakeApi();
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  await fake.close();
});

function open(): StateStore {
  const place = { server: fake.server, credentials: async () => ({ token: 'secret', ca: '' }) };
  const store = createKubernetesStateStore(openApi(place, patienceMs), objects);
  stores.push(store);
  return store;
}

/** As the operator makes them: there, but without content. */
function makeEmpty(): void {
  const meta = (name: string) => ({
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    labels: { app: 'demo' },
  });
  fake.objects.set(leasePath, { metadata: meta('demo-coordinator') });
  fake.objects.set(statePath, { metadata: meta('demo-state') });
}

const record = (holder: string, released = false) =>
  JSON.stringify({ holder, address: 'a:1', durationMs: 2500, renewal: 1, released });

async function written(store: StateStore, object: 'lease' | 'state', value: string, expected: string | null) {
  const outcome = await store.write(object, value, expected);
  if (outcome.kind !== 'written') throw new Error(`not written: ${outcome.kind}`);
  return outcome.tag;
}

describe('the state store in the Kubernetes API', () => {
  for (const { name, run } of stateStoreCases)
    test(name, () => run({ open: async () => open(), clear: async () => fake.objects.clear() }));
});

describe('objects that the operator made', () => {
  beforeEach(makeEmpty);

  test('count as never written until a coordinator writes', async () => {
    const store = open();
    expect(await store.read('state')).toEqual({ value: null, tag: null });
    const tag = await written(store, 'state', 'first', null);
    expect(await open().read('state')).toEqual({ value: 'first', tag });
    expect(fake.objects.get(statePath)?.metadata.labels).toEqual({ app: 'demo' });
  });

  test('of two first writers one wins', async () => {
    const outcomes = await Promise.all([open().write('state', 'a', null), open().write('state', 'b', null)]);
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['conflict', 'written']);
  });

  test('a label that somebody changes disturbs no writer', async () => {
    const store = open();
    const tag = await written(store, 'lease', record('c-0'), null);
    fake.touch(leasePath, { metadata: { labels: { app: 'renamed' } } });
    const next = await written(store, 'lease', record('c-0'), tag);
    expect(await open().read('lease')).toEqual({ value: record('c-0'), tag: next });
    expect(fake.objects.get(leasePath)?.metadata.labels).toEqual({ app: 'renamed' });
  });

  test('an object that was removed and made anew is another one', async () => {
    const store = open();
    const tag = await written(store, 'lease', record('c-0'), null);
    makeEmpty();
    expect(await store.write('lease', record('c-0'), tag)).toEqual({ kind: 'conflict' });
    expect(await store.read('lease')).toEqual({ value: null, tag: null });
  });
});

describe('edits of the state object by a stranger', () => {
  let tag: string;
  beforeEach(async () => {
    makeEmpty();
    tag = await written(open(), 'state', 'first', null);
  });

  test.each<[string, object]>([
    ['a label', { metadata: { labels: { app: 'renamed' } } }],
    ['an annotation', { metadata: { annotations: { note: 'seen' } } }],
    ['all annotations and labels', { metadata: { annotations: null, labels: null } }],
    ['further data', { data: { note: 'seen' } }],
  ])('%s changes nothing for those who wrote or read it', async (_, patch) => {
    const [writer, reader] = [open(), open()];
    expect(await reader.read('state')).toEqual({ value: 'first', tag });
    expect(await writer.read('state')).toEqual({ value: 'first', tag });
    fake.touch(statePath, patch);
    expect(await reader.read('state')).toEqual({ value: 'first', tag });
    const next = await written(writer, 'state', 'second', tag);
    expect(await reader.read('state')).toEqual({ value: 'second', tag: next });
  });

  test('an emptied state is not one that was never written', async () => {
    fake.touch(statePath, { binaryData: null });
    expect(await open().read('state')).toEqual({ value: null, tag });
    // Who knows that it was emptied may write it again.
    expect(await open().write('state', 'first', null)).toEqual({ kind: 'conflict' });
    expect(await open().write('state', 'recovered', tag)).toMatchObject({ kind: 'written' });
  });

  test.each([
    ['what no coordinator packed', Buffer.from('garbage')],
    ['a packed state that was cut off', gzipSync('{"a":1}').subarray(0, 12)],
    ['a packed state that unpacks to more than memory holds', gzipSync(Buffer.alloc(70 * 1024 * 1024))],
  ])('%s is read as it is, and can be replaced', async (_, packed) => {
    fake.touch(statePath, { binaryData: { 'state.json.gz': packed.toString('base64') } });
    const read = await open().read('state');
    expect(read).toEqual({ value: packed.toString('latin1'), tag });
    expect(await open().write('state', 'recovered', tag)).toMatchObject({ kind: 'written' });
    expect((await open().read('state')).value).toBe('recovered');
  });

  test('a state without its tag can be read and replaced, under a tag that stays the same', async () => {
    fake.touch(statePath, { data: null });
    const read = await open().read('state');
    expect(read).toEqual({ value: 'first', tag: expect.stringContaining('foreign-') });
    expect(await open().read('state')).toEqual(read);
    expect(await open().write('state', 'second', tag)).toEqual({ kind: 'conflict' });
    expect(await open().write('state', 'second', read.tag)).toMatchObject({ kind: 'written' });
  });

  test('an older copy that was put back is another content than the newest', async () => {
    const older = structuredClone(fake.objects.get(statePath));
    const newest = await written(open(), 'state', 'second', tag);
    fake.touch(statePath, { data: older?.data, binaryData: older?.binaryData });
    expect(await open().read('state')).toEqual({ value: 'first', tag });
    expect(await open().write('state', 'third', newest)).toEqual({ kind: 'conflict' });
  });
});

test('a Lease whose record somebody removed is a free one', async () => {
  makeEmpty();
  const tag = await written(open(), 'lease', record('c-0'), null);
  fake.touch(leasePath, { metadata: { annotations: { 'chaincluster.dev/record': null } } });
  expect(await open().read('lease')).toEqual({ value: null, tag: null });
  expect(await open().write('lease', record('c-0'), tag)).toEqual({ kind: 'conflict' });
  expect(await open().write('lease', record('c-1'), null)).toMatchObject({ kind: 'written' });
});

describe('answers that do not come', () => {
  beforeEach(makeEmpty);

  test.each(['silentAfter', 'errorAfter'] as const)(
    'a write that took effect (%s) rejects, and shows itself later',
    async (fault) => {
      const store = open();
      const tag = await written(store, 'state', 'first', null);
      fake.faults.push({ method: 'PATCH', fault });
      await expect(store.write('state', 'second', tag)).rejects.toThrow(/PATCH .*demo-state/);
      expect((await store.read('state')).value).toBe('second');
      // Told again with the same expectation: it was written, so the expectation is over.
      expect(await store.write('state', 'second', tag)).toEqual({ kind: 'conflict' });
    },
  );

  test.each([['silent'], [{ status: 503 }], [{ status: 429 }]] as const)(
    'a write that took no effect (%o) can be told again',
    async (fault) => {
      const store = open();
      const tag = await written(store, 'state', 'first', null);
      fake.faults.push({ method: 'PATCH', fault });
      await expect(store.write('state', 'second', tag)).rejects.toThrow();
      expect(await store.write('state', 'second', tag)).toMatchObject({ kind: 'written' });
    },
  );

  test('a read rejects, and does not answer from memory', async () => {
    const store = open();
    await written(store, 'state', 'first', null);
    fake.faults.push({ method: 'GET', fault: 'silent' });
    await expect(store.read('state')).rejects.toThrow('no answer from the API server within 1000 ms');
  });
});

test('without permission to make an object the error says who makes it', async () => {
  fake.faults.push({ method: 'POST', fault: { status: 403 } });
  await expect(open().write('state', 'x', null)).rejects.toThrow('the operator makes it');
});

test('people can read the Lease', async () => {
  const store = open();
  const spec = () => fake.objects.get(leasePath)?.spec as Record<string, unknown>;
  let tag = await written(store, 'lease', record('c-0'), null);
  expect(spec()).toMatchObject({ holderIdentity: 'c-0', leaseDurationSeconds: 3, leaseTransitions: 1 });
  const { acquireTime } = spec();
  tag = await written(store, 'lease', record('c-0'), tag);
  expect(spec()).toMatchObject({ holderIdentity: 'c-0', acquireTime, leaseTransitions: 1 });
  tag = await written(store, 'lease', record('c-0', true), tag);
  expect(spec().holderIdentity).toBeUndefined();
  await written(open(), 'lease', record('c-1'), tag);
  expect(spec()).toMatchObject({ holderIdentity: 'c-1', leaseTransitions: 2 });
});

test('renewals of a healthy leader are one request each', async () => {
  const store = open();
  let tag = await written(store, 'lease', record('c-0'), null);
  const before = fake.requests.length;
  for (let i = 0; i < 5; i++) tag = await written(store, 'lease', record('c-0'), tag);
  expect(fake.requests.slice(before).map(({ method }) => method)).toEqual(Array(5).fill('PATCH'));
});

test('a state that no ConfigMap can hold is refused with what to do', async () => {
  const random = randomBytes(1_000_000).toString('base64');
  await expect(open().write('state', random, null)).rejects.toThrow('use fewer slots or shorter names');
  expect(fake.objects.size).toBe(0);
});

test('outside a pod there is no API server to be found', () => {
  expect(() => placeOfPod({})).toThrow('use kind disk outside Kubernetes');
});

test('an address of the sixth version is bracketed', () => {
  expect(placeOfPod({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }).server).toBe(
    'https://[fd00::1]:443',
  );
});
