import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type OperatorConfig, readConfig } from './config.ts';
import type { ViewAnswer } from './coordinator-view.ts';
import { claimOf, clusterWith, podOf, viewOf } from './fixtures.ts';
import { readConfigMap } from './objects/config-map.ts';
import type { ConfigMap } from './objects/kinds.ts';
import { annotations, claimName } from './objects/names.ts';
import { runOperator } from './operator.ts';
import { systemClock } from './runtime/clock.ts';
import { type FakeApiServer, startFakeApiServer } from './runtime/fake-api-server.ts';
import type { KubeObject } from './runtime/kube-object.ts';
import { createMetrics } from './runtime/metrics.ts';

const cluster = clusterWith({ nodes: 3 }, { finalizers: [] });
const known: ViewAnswer = { is: 'known', view: viewOf(cluster) };
const config: OperatorConfig = {
  ...readConfig({ POD_NAMESPACE: 'ops', ADMIN_HOST: '127.0.0.1', ADMIN_PORT: '0', WATCH_NAMESPACES: 'data' }),
  resyncMs: 50,
};
const clusters = '/apis/chaincluster.dev/v1alpha1/namespaces/data/chainclusters';
const lease = '/apis/coordination.k8s.io/v1/namespaces/ops/leases';

let server: FakeApiServer;
let answer: ViewAnswer;
let asked: number;
const running: { stop: AbortController; ended: Promise<unknown> }[] = [];
beforeEach(async () => {
  server = await startFakeApiServer();
  answer = known;
  asked = 0;
});
afterEach(async () => {
  for (const { stop, ended } of running.splice(0)) {
    stop.abort();
    await ended;
  }
  await server.close();
});

function start(identity = 'one', change: Partial<OperatorConfig> = {}) {
  const stop = new AbortController();
  const world = {
    connection: server.connection,
    views: {
      ask: async () => {
        asked += 1;
        return answer;
      },
    },
    clock: systemClock,
    random: Math.random,
    log: pino({ level: 'silent' }),
    metrics: createMetrics(),
    identity,
  };
  const ended = runOperator(world, { ...config, ...change }, stop.signal).then(
    () => 'ended',
    (error: Error) => error.message,
  );
  running.push({ stop, ended });
  return { stop, ended };
}

const applied = () => server.requests.filter((line) => line.includes('force=true'));
const writes = () => server.requests.filter((line) => !line.startsWith('GET') && !line.includes('/leases'));
const statusOf = () =>
  server.get(clusters, 'demo') as KubeObject & {
    status?: { conditions: { type: string; reason: string }[] };
  };
const readyReason = () => statusOf().status?.conditions.find(({ type }) => type === 'Ready')?.reason;

function putPods(): void {
  for (const ordinal of [0, 1, 2]) {
    for (const component of ['node', 'coordinator'] as const) server.put(podOf(cluster, component, ordinal));
  }
}

describe('the operator', () => {
  test('builds a cluster, reports on it, and then writes nothing more', async () => {
    putPods();
    server.put(cluster as unknown as KubeObject);
    start();
    await vi.waitFor(() => expect(readyReason()).toBe('Ready'), 5000);
    expect(statusOf().metadata.finalizers).toEqual(['chaincluster.dev/cleanup']);
    expect(server.get('/apis/apps/v1/namespaces/data/statefulsets', 'demo-node')).toBeDefined();
    await vi.waitFor(() => expect(quiet()).toBe(true), 5000);
    const [before, looks] = [writes().length, asked];
    await vi.waitFor(() => expect(asked).toBeGreaterThan(looks + 10), 5000);
    expect(writes().slice(before)).toEqual([]);
  });

  test('repairs what somebody deletes or changes', async () => {
    putPods();
    server.put(cluster as unknown as KubeObject);
    start();
    await vi.waitFor(() => expect(readyReason()).toBe('Ready'), 5000);
    server.remove('/api/v1/namespaces/data/services', 'demo');
    const budgets = '/apis/policy/v1/namespaces/data/poddisruptionbudgets';
    const budget = server.get(budgets, 'demo-node') as KubeObject & { spec: object };
    server.put({ ...budget, spec: { ...budget.spec, maxUnavailable: 3 } } as KubeObject);
    await vi.waitFor(() => {
      expect(server.get('/api/v1/namespaces/data/services', 'demo')).toBeDefined();
      expect(server.get(budgets, 'demo-node')).toMatchObject({ spec: { maxUnavailable: 1 } });
    }, 5000);
  });

  test('takes volumes up under their own id when resource and state are made anew', async () => {
    putPods();
    for (const ordinal of [0, 1, 2]) {
      const { metadata, ...claim } = claimOf(cluster, ordinal);
      server.put({ ...claim, metadata: { ...metadata, annotations: {} } });
    }
    const first = server.put(cluster as unknown as KubeObject).metadata.uid;
    if (answer.is === 'known') answer = { is: 'known', view: { ...answer.view, clusterId: first ?? '' } };
    start();
    const idOn = (collection: string, name: string) =>
      server.get(`/api/v1/namespaces/data/${collection}`, name)?.metadata.annotations?.[
        annotations.clusterId
      ];
    await vi.waitFor(() => {
      for (const ordinal of [0, 1, 2])
        expect(idOn('persistentvolumeclaims', claimName(cluster, ordinal))).toBe(first);
    }, 5000);

    // With the resource goes what it owns; then somebody deletes the kept state, too.
    server.remove(clusters, 'demo');
    server.remove('/api/v1/namespaces/data/configmaps', 'demo-config');
    server.remove('/api/v1/namespaces/data/configmaps', 'demo-state');
    const lost = { coordinator: 'demo-coordinator-1', message: 'It is gone.', clusterId: first ?? '' };
    answer = { is: 'unknown', because: lost.message, lost };
    const second = server.put(cluster as unknown as KubeObject).metadata.uid;
    expect(second).not.toBe(first);
    await vi.waitFor(() => {
      expect(idOn('configmaps', 'demo-state')).toBe(first);
      expect(readyReason()).toBe('StateLost');
    }, 5000);
    const config = server.get('/api/v1/namespaces/data/configmaps', 'demo-config') as ConfigMap;
    expect(readConfigMap(config)).toMatchObject({ clusterId: first, begun: true });
    const told = () => server.requests.filter((line) => line.startsWith('POST /apis/events.k8s.io'));
    await vi.waitFor(() => expect(told().length).toBeGreaterThan(0), 5000);
  });

  test('says on the resource what the API server refuses, and goes on when it does not', async () => {
    putPods();
    for (let i = 0; i < 3; i++) server.failNext('PATCH /apis/apps/v1/namespaces/data/statefulsets', 403);
    server.put(cluster as unknown as KubeObject);
    const reasons = new Set<string | undefined>();
    start();
    await vi.waitFor(
      () => {
        reasons.add(readyReason());
        expect(readyReason()).toBe('Ready');
      },
      { timeout: 5000, interval: 2 },
    );
    expect(reasons).toContain('ReconcileFailed');
  });

  test('a second process waits, and takes over when the first gives up', async () => {
    const first = start('one');
    await vi.waitFor(() => expect(server.get(lease, 'chaincluster-operator')).toBeDefined(), 5000);
    start('two');
    putPods();
    server.put(cluster as unknown as KubeObject);
    await vi.waitFor(() => expect(readyReason()).toBe('Ready'), 5000);
    expect(server.get(lease, 'chaincluster-operator')).toMatchObject({ spec: { holderIdentity: 'one' } });
    first.stop.abort();
    expect(await first.ended).toBe('ended');
    await vi.waitFor(
      () =>
        expect(server.get(lease, 'chaincluster-operator')).toMatchObject({ spec: { holderIdentity: 'two' } }),
      8000,
    );
  });

  test('lets go of a deleted resource', async () => {
    putPods();
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    const doomed = {
      ...cluster,
      metadata: { ...cluster.metadata, deletionTimestamp, finalizers: ['chaincluster.dev/cleanup'] },
    };
    server.put(doomed as unknown as KubeObject);
    start();
    await vi.waitFor(() => expect(statusOf().metadata.finalizers).toEqual([]), 5000);
    expect(applied()).toEqual([]);
  });

  test('ends when it cannot list what it needs, and says what that is', async () => {
    server.failNext('GET /apis/apps/v1/namespaces/data/statefulsets', 403, 1000);
    const { ended } = start('one', { syncLimitMs: 300 });
    expect(await ended).toMatch(/not listed yet: StatefulSet.*may list these kinds/);
  });
});

let seen = -1;
/** Whether nothing was written since the last call. */
function quiet(): boolean {
  const calm = seen === writes().length;
  seen = writes().length;
  return calm;
}
