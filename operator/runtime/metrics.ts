import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The operator's metrics. Names and labels of the first four groups are those of controller-runtime and client-go, so
 * that existing dashboards and alerts work; the last group is our own.
 */
export type RuntimeMetrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Registry = new Registry()) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge<L>({ name, help, labelNames: [...labelNames], registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    buckets: number[],
  ) => new Histogram<L>({ name, help, labelNames: [...labelNames], buckets, registers });

  const of = ['controller'] as const;
  const queue = ['name'] as const;
  return {
    registry,
    reconciles: counter('controller_runtime_reconcile_total', 'Reconciliations by result.', [
      ...of,
      'result',
    ]),
    reconcileErrors: counter('controller_runtime_reconcile_errors_total', 'Reconciliations that failed.', of),
    reconcileTerminalErrors: counter(
      'controller_runtime_terminal_reconcile_errors_total',
      'Reconciliations that failed and are not tried again before something changes.',
      of,
    ),
    reconcilePanics: counter(
      'controller_runtime_reconcile_panics_total',
      'Defects met in a reconciliation.',
      of,
    ),
    reconcileTimeouts: counter(
      'controller_runtime_reconcile_timeouts_total',
      'Reconciliations that ran into their time limit.',
      of,
    ),
    reconcileSeconds: histogram(
      'controller_runtime_reconcile_time_seconds',
      'Duration of a reconciliation.',
      of,
      reconcileBuckets,
    ),
    maxConcurrent: gauge(
      'controller_runtime_max_concurrent_reconciles',
      'Reconciliations that may run at once.',
      of,
    ),
    activeWorkers: gauge('controller_runtime_active_workers', 'Reconciliations that run now.', of),

    queueDepth: gauge('workqueue_depth', 'Keys that wait.', queue),
    queueAdds: counter('workqueue_adds_total', 'Keys added.', queue),
    queueRetries: counter('workqueue_retries_total', 'Keys added again after a failure.', queue),
    queueSeconds: histogram(
      'workqueue_queue_duration_seconds',
      'Time that a key waits.',
      queue,
      workqueueBuckets,
    ),
    workSeconds: histogram(
      'workqueue_work_duration_seconds',
      'Time that a key is worked on.',
      queue,
      workqueueBuckets,
    ),
    unfinishedSeconds: gauge(
      'workqueue_unfinished_work_seconds',
      'Sum of the ages of the keys that are worked on.',
      queue,
    ),
    longestRunningSeconds: gauge(
      'workqueue_longest_running_processor_seconds',
      'Age of the key that is worked on the longest.',
      queue,
    ),

    requests: counter('rest_client_requests_total', 'Requests to the API server.', [
      'code',
      'method',
      'host',
    ]),
    isLeader: gauge('leader_election_master_status', '1 while this process leads.', queue),

    informerEvents: counter('chain_operator_watch_events_total', 'Watch events received.', ['kind', 'type']),
    informerRestarts: counter('chain_operator_watch_restarts_total', 'Watches opened again, by cause.', [
      'kind',
      'cause',
    ]),
    informerAge: gauge('chain_operator_watch_last_event_age_seconds', 'Silence of a watch.', ['kind']),
    clusters: gauge('chain_operator_resources', 'ChainClusters known.', ['namespace']),
    paused: gauge('chain_operator_resources_paused', 'ChainClusters that are paused.', ['namespace']),
    condition: gauge('chain_operator_cluster_condition', '1 when the condition has this status.', [
      'namespace',
      'cluster',
      'condition',
      'status',
    ]),
    writes: counter('chain_operator_writes_total', 'Objects written, by kind and verb.', ['kind', 'verb']),
    eventsDropped: counter('chain_operator_events_dropped_total', 'Events not sent, by cause.', ['cause']),
  };
}

const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5,
  1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

const workqueueBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000];
