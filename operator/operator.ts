import type { Logger } from 'pino';
import { startAdmin } from './admin.ts';
import { Caches } from './caches.ts';
import type { OperatorConfig } from './config.ts';
import type { CoordinatorViews } from './coordinator-view.ts';
import { createReconciler } from './reconciler.ts';
import { Api } from './runtime/api.ts';
import { type Clock, type Random, sleep } from './runtime/clock.ts';
import type { Connection } from './runtime/connection.ts';
import { runController } from './runtime/controller.ts';
import { EventRecorder } from './runtime/event-recorder.ts';
import { type Leadership, LeaseElection } from './runtime/lease-election.ts';
import type { RuntimeMetrics } from './runtime/metrics.ts';
import { WorkQueue } from './runtime/work-queue.ts';

export interface OperatorWorld {
  connection: Connection;
  views: CoordinatorViews;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: RuntimeMetrics;
  /** Of this process, for the election and for events. */
  identity: string;
}

const controller = 'chaincluster';
const podMonitorsAskedEveryMs = 300_000;

/**
 * Runs the operator until `stop`: caches warm up at once, also while another process leads; only the leader writes.
 * Shuts down in the order not ready, no new work, running work done, leadership given back, watches closed.
 * @throws Error when the leadership is lost or the first lists do not come: the process should end.
 */
export async function runOperator(
  world: OperatorWorld,
  config: OperatorConfig,
  stop: AbortSignal,
): Promise<void> {
  const { connection, clock, random, log, metrics, identity } = world;
  const queue = new WorkQueue({ name: controller, clock, random, metrics, maxMs: 60_000 });
  const watching = new AbortController();
  let leadership: Leadership | undefined;
  let stopping = false;

  const api = new Api({ connection, metrics, mayWrite: () => leadership?.isHeld() === true });
  const caches = new Caches({
    connection,
    namespaces: config.watchNamespaces,
    onDirty: (key) => queue.add(key),
    clock,
    random,
    log,
    metrics,
  });
  const events = new EventRecorder({ api, identity, clock, log, metrics });
  const reconcile = createReconciler({
    observer: {
      caches,
      api,
      views: world.views,
      operator: { namespace: config.namespace, defaultImage: config.defaultImage },
      wallMs: () => clock.wallMs(),
      knowsPodMonitors: remembered(clock, (signal) => api.serves('PodMonitor', signal)),
    },
    events,
    log,
    resyncMs: config.resyncMs,
  });

  const admin = await startAdmin({
    host: config.adminHost,
    port: config.adminPort,
    metrics,
    readiness: [
      { name: 'shutdown', check: () => (stopping ? 'the process is ending' : undefined) },
      { name: 'caches', check: () => notSynced(caches) },
    ],
    beforeScrape: () => measure(queue, caches, metrics),
  });
  log.info({ port: admin.port, namespaces: config.watchNamespaces }, 'Started');
  const watches = caches.run(watching.signal);
  const onStop = () => {
    stopping = true;
  };
  stop.addEventListener('abort', onStop);

  try {
    await untilSynced(caches, clock, config.syncLimitMs, stop);
    leadership = config.leaderElection ? await campaign() : unopposed();
    if (leadership === undefined) return;
    const end = AbortSignal.any([stop, leadership.lost]);
    await runController(
      { name: controller, queue, reconcile, clock, log, metrics, concurrency: config.concurrency },
      end,
    );
    if (leadership.lost.aborted) throw leadership.lost.reason;
    await events.flush();
  } finally {
    stopping = true;
    stop.removeEventListener('abort', onStop);
    await leadership?.release();
    watching.abort();
    await watches;
    await admin.close();
  }

  function campaign(): Promise<Leadership | undefined> {
    const { namespace, leaseName: name } = config;
    return new LeaseElection({ connection, namespace, name, identity, clock, random, log, metrics }).campaign(
      stop,
    );
  }
}

/** Without election: for one operator by hand. Two at once would undo each other's work, though never the store's. */
function unopposed(): Leadership {
  return { lost: new AbortController().signal, isHeld: () => true, release: () => Promise.resolve() };
}

function notSynced(caches: Caches): string | undefined {
  return caches.haveSynced ? undefined : `not listed yet: ${[...new Set(caches.notSynced)].join(', ')}`;
}

async function untilSynced(caches: Caches, clock: Clock, limitMs: number, stop: AbortSignal): Promise<void> {
  const startedAt = clock.monotonicMs();
  while (!caches.haveSynced && !stop.aborted) {
    if (clock.monotonicMs() - startedAt > limitMs) {
      throw new Error(
        `no complete list after ${limitMs / 1000} s (${notSynced(caches)}). Check that the API server ` +
          'answers, that the ChainCluster resource is installed and that the operator may list these kinds.',
      );
    }
    await sleep(clock, 50, stop);
  }
}

function measure(queue: WorkQueue, caches: Caches, metrics: RuntimeMetrics): void {
  queue.measure();
  for (const { kind, ageMs } of caches.oldestEvent) metrics.informerAge.set({ kind }, ageMs / 1000);
  metrics.clusters.reset();
  metrics.paused.reset();
  metrics.condition.reset();
  for (const { metadata, spec, status } of caches.clusters()) {
    const { namespace = 'default', name: cluster } = metadata;
    metrics.clusters.inc({ namespace });
    if (spec.paused) metrics.paused.inc({ namespace });
    for (const { type, status: value } of status?.conditions ?? []) {
      metrics.condition.set({ namespace, cluster, condition: type, status: value }, 1);
    }
  }
}

/** Asks at most every few minutes: add-ons come and go seldom. */
function remembered(clock: Clock, ask: (stop?: AbortSignal) => Promise<boolean>) {
  let held: { answer: boolean; atMs: number } | undefined;
  return async (stop?: AbortSignal): Promise<boolean> => {
    if (held !== undefined && clock.monotonicMs() - held.atMs < podMonitorsAskedEveryMs) return held.answer;
    const answer = await ask(stop);
    held = { answer, atMs: clock.monotonicMs() };
    return answer;
  };
}
