import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { type FakeApiServer, startFakeApiServer } from './fake-api-server.ts';
import { type Change, Informer, type InformerTimings } from './informer.ts';
import type { KubeObject } from './kube-object.ts';
import { createMetrics } from './metrics.ts';
import { resourceOf } from './resources.ts';

const collection = '/api/v1/namespaces/ns/pods';
const log = pino({ level: 'silent' });
const quick: Partial<InformerTimings> = { backoffBaseMs: 10, backoffMaxMs: 50 };

let server: FakeApiServer;
let stop: AbortController;
let running: Promise<void>[];
beforeEach(async () => {
  server = await startFakeApiServer();
  stop = new AbortController();
  running = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await server.close();
});

function pod(name: string, extra: Partial<KubeObject['metadata']> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'ns', ...extra } };
}

async function start(timings: Partial<InformerTimings> = quick, keep?: (object: KubeObject) => KubeObject) {
  const changes: Change<KubeObject>[] = [];
  const metrics = createMetrics();
  const informer = new Informer({
    connection: server.connection,
    resource: resourceOf('Pod'),
    namespace: 'ns',
    onChange: (change) => {
      changes.push(change);
      if (change.object.metadata.name === 'poison') throw new Error('defect in a handler');
    },
    clock: systemClock,
    random: () => 0.5,
    log,
    metrics,
    timings: { ...quick, ...timings },
    ...(keep !== undefined && { keep }),
  });
  running.push(informer.run(stop.signal));
  await vi.waitFor(() => {
    expect(informer.hasSynced).toBe(true);
    expect(server.watches.count()).toBe(1);
  });
  const told = () => changes.map(({ type, object }) => `${type} ${object.metadata.name}`);
  return { informer, metrics, told };
}

const names = (informer: Informer) => informer.list().map(({ metadata }) => metadata.name);
const lists = () =>
  server.requests.filter((line) => line.includes('limit=') && !line.includes('continue=')).length;
const watchVersions = () =>
  server.requests.flatMap((line) => /watch=true.*resourceVersion=(\d+)/.exec(line)?.[1] ?? []);

describe('Informer', () => {
  test('lists in pages, then follows the watch; objects are raw, whole, frozen and without managedFields', async () => {
    for (let i = 0; i < 1100; i++) server.put(pod(`p${i}`));
    const { informer, told } = await start();
    expect(informer.list()).toHaveLength(1100);
    expect(server.requests.filter((line) => line.includes('limit=500'))).toHaveLength(3);
    const first = informer.get('ns', 'p0');
    expect(first).toMatchObject({ apiVersion: 'v1', kind: 'Pod' });
    expect(first?.metadata).not.toHaveProperty('managedFields');
    expect(() => Object.assign(first?.metadata ?? {}, { name: 'x' })).toThrow(TypeError);

    server.put(pod('new'));
    server.put(pod('new', { labels: { a: 'b' } }));
    server.remove(collection, 'new');
    await vi.waitFor(() => expect(told().slice(1100)).toEqual(['added new', 'changed new', 'deleted new']));
  });

  test('keeps what it is told to keep, of listed, watched and accepted objects', async () => {
    server.put(pod('listed', { labels: { a: 'b' } }));
    const { informer } = await start(quick, ({ metadata: { labels: _, ...metadata }, ...rest }) => ({
      ...rest,
      metadata,
    }));
    server.put(pod('watched', { labels: { a: 'b' } }));
    await vi.waitFor(() => expect(informer.list()).toHaveLength(2));
    const known = informer.get('ns', 'listed') as KubeObject;
    const later = String(Number(known.metadata.resourceVersion) + 5);
    informer.accept(pod('listed', { ...known.metadata, resourceVersion: later, labels: { a: 'b' } }));
    expect(informer.get('ns', 'listed')?.metadata.resourceVersion).toBe(later);
    for (const { metadata } of informer.list()) expect(metadata).not.toHaveProperty('labels');
  });

  test('goes on from the last bookmark after a cut, without listing again', async () => {
    server.put(pod('a'));
    const { informer, metrics } = await start();
    const before = lists();
    server.put({ ...pod('other'), kind: 'Service' }); // another kind moves the version on
    server.watches.bookmark();
    await vi.waitFor(async () => {
      expect((await metrics.informerEvents.get()).values.map(({ labels }) => labels.type)).toContain(
        'BOOKMARK',
      );
    });
    server.watches.cut();
    await vi.waitFor(() => expect(watchVersions()).toHaveLength(2));
    server.put(pod('b'));
    await vi.waitFor(() => expect(names(informer)).toEqual(['a', 'b']));
    expect(Number(watchVersions()[1])).toBeGreaterThan(Number(watchVersions()[0]));
    expect(lists()).toBe(before);
  });

  test('sees what happened while the watch was cut', async () => {
    const { informer } = await start();
    server.failNext('GET /api/v1/namespaces/ns/pods', 500, 3);
    server.watches.cut();
    server.put(pod('meanwhile'));
    await vi.waitFor(() => expect(names(informer)).toEqual(['meanwhile']));
  });

  test('lists again after 410 and tells the differences only', async () => {
    server.put(pod('stays'));
    server.put(pod('goes'));
    const { informer, told } = await start();
    server.failNext('GET /api/v1/namespaces/ns/pods', 503, 2);
    server.watches.cut();
    server.remove(collection, 'goes');
    server.put(pod('comes'));
    server.compact();
    await vi.waitFor(() => expect(names(informer).sort()).toEqual(['comes', 'stays']));
    expect(told()).toEqual(['added stays', 'added goes', 'deleted goes', 'added comes']);
    expect(lists()).toBeGreaterThan(1);
  });

  test('takes an in-stream 410 for what it is', async () => {
    server.put(pod('a'));
    const { informer } = await start();
    const before = lists();
    server.watches.sendRaw(
      JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }),
    );
    await vi.waitFor(() => expect(lists()).toBe(before + 1));
    server.put(pod('b'));
    await vi.waitFor(() => expect(names(informer)).toEqual(['a', 'b']));
  });

  test('a line that is not JSON breaks the watch instead of hiding a change', async () => {
    const { informer } = await start();
    server.watches.sendRaw('{"type":"ADDED","object":{"meta');
    await vi.waitFor(() => expect(watchVersions().length).toBeGreaterThan(1));
    server.put(pod('a'));
    await vi.waitFor(() => expect(names(informer)).toEqual(['a']));
  });

  test('opens a silent watch anew and catches up', async () => {
    const { informer } = await start({ silenceMs: 150 });
    server.watches.mute();
    server.put(pod('unheard'));
    await vi.waitFor(() => expect(watchVersions().length).toBeGreaterThan(1));
    expect(informer.list()).toEqual([]);
    server.watches.unmute();
    await vi.waitFor(() => expect(names(informer)).toEqual(['unheard']));
  });

  test('lists anew from time to time even if the watch looks well', async () => {
    const { informer } = await start({ relistMs: 200 });
    server.watches.mute(); // a watch that loses everything, unnoticed
    server.put(pod('lost'));
    await vi.waitFor(() => expect(names(informer)).toEqual(['lost']));
  });

  test('survives a server that refuses, drops and overloads before the first list', async () => {
    server.put(pod('a'));
    for (const code of [403, 0, 429, 500]) server.failNext('GET', code);
    const { informer } = await start();
    expect(names(informer)).toEqual(['a']);
  });

  test('a handler that throws does not end the watch', async () => {
    const { informer } = await start();
    server.put(pod('poison'));
    server.put(pod('after'));
    await vi.waitFor(() => expect(names(informer)).toEqual(['poison', 'after']));
  });

  test('the deletion of a predecessor does not hide its successor', async () => {
    const { informer, told } = await start();
    server.put(pod('a'));
    server.remove(collection, 'a');
    server.put(pod('a'));
    await vi.waitFor(() => expect(told()).toEqual(['added a', 'deleted a', 'added a']));
    expect(names(informer)).toEqual(['a']);
  });

  test('accepts the answer of a write when it is newer, never a ghost', async () => {
    const old = server.put(pod('a'));
    const { informer } = await start();
    const next = { ...old, metadata: { ...old.metadata, resourceVersion: '9999', labels: { x: 'y' } } };
    informer.accept(next);
    expect(informer.get('ns', 'a')?.metadata.labels).toEqual({ x: 'y' });
    informer.accept(old);
    expect(informer.get('ns', 'a')?.metadata.resourceVersion).toBe('9999');
    informer.accept({
      ...pod('ghost'),
      metadata: { ...pod('ghost').metadata, uid: 'u', resourceVersion: '1' },
    });
    expect(informer.get('ns', 'ghost')).toBeUndefined();
  });
});
