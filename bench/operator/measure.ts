/** What many ChainClusters cost one operator, phase by phase. */
import { join } from 'node:path';
import type { ChainClusterSpec } from '../../manifest/types.ts';
import { until } from '../cluster/system.ts';
import type { PodTimings } from '../kubernetes/kubelet.ts';
import { startKubernetes } from '../kubernetes/kubernetes.ts';
import { cpuSecondsOf, Disturbance, peakResidentBytesOf, residentBytesOf } from '../measure/processes.ts';
import { Clusters } from './clusters.ts';
import { between, type Distribution, distribution, type Metrics, total } from './metrics.ts';
import { type OperatorProcess, startOperator } from './process.ts';
import { countVerbs, type Verb, writesIn } from './requests.ts';

export interface OperatorOptions {
  readonly folder: string;
  readonly clusters: number;
  /** What differs from the example in each of them. */
  readonly spec?: Partial<ChainClusterSpec>;
  /** Length of the phases in which nothing happens. */
  readonly steadyMs: number;
  readonly resyncSeconds?: number;
  readonly pods: PodTimings;
  /** Tells how far it is. */
  say(what: string): void;
}

export interface Phase {
  readonly what: 'created' | 'steady' | 'changed' | 'restarted';
  readonly clusters: number;
  readonly seconds: number;
  readonly reconciles: number;
  /** Reconciliations that failed and were tried again; conflicts with other writers are among them. */
  readonly failures: number;
  readonly reconcile: Distribution;
  /** How long keys waited for a worker. */
  readonly wait: Distribution;
  readonly requests: ReadonlyMap<Verb, number>;
  /** Cores that the operator used. */
  readonly cores: number;
  /** Cores that programs outside this measurement used. */
  readonly othersCores: number;
  /** Bytes at the end of the phase, and the most since the operator began. */
  readonly resident: number;
  readonly peak: number;
}

/**
 * One cluster until it is ready, then quiet; all clusters until they are ready, then quiet; a change of every cluster that
 * restarts all of its pods one by one, then quiet; a restart of the operator until it has looked at every cluster.
 */
export async function measureOperator(options: OperatorOptions): Promise<Phase[]> {
  const { folder, clusters: count, spec, steadyMs, resyncSeconds, pods } = options;
  const kubernetes = await startKubernetes(pods);
  const { server } = kubernetes;
  const clusters = new Clusters(server, spec);
  const operator = await startOperator({
    folder: join(folder, 'operator'),
    server: server.url,
    ...(resyncSeconds !== undefined && { resyncSeconds }),
  });
  const stage = new Stage(operator, server.requests, options);
  const steady = async (size: number): Promise<void> => {
    await stage.quiet();
    await stage.phase('steady', size, () => sleep(steadyMs));
  };
  try {
    await operator.ready();
    await stage.phase('created', 1, () => {
      clusters.create(0, 1);
      return clusters.settled(1);
    });
    await steady(1);
    await stage.phase('created', count, () => {
      clusters.create(1, count);
      return clusters.settled(count);
    });
    await steady(count);
    await stage.phase('changed', count, () => {
      clusters.change(count, ({ config }) => ({ config: { ...config, logLevel: 'debug' } }));
      return clusters.settled(count);
    });
    await steady(count);
    await operator.child.stop('SIGTERM');
    await stage.restarted(count);
    return stage.phases;
  } finally {
    await operator.child.stop('SIGTERM');
    await kubernetes.close();
  }
}

interface Look {
  readonly atMs: number;
  readonly cpuSeconds: number;
  readonly metrics: Metrics;
}

/** Looks at the operator and at its requests before and after each phase. */
class Stage {
  readonly phases: Phase[] = [];
  readonly #operator: OperatorProcess;
  readonly #requests: readonly string[];
  readonly #options: OperatorOptions;

  constructor(operator: OperatorProcess, requests: readonly string[], options: OperatorOptions) {
    this.#operator = operator;
    this.#requests = requests;
    this.#options = options;
  }

  async phase(what: Phase['what'], clusters: number, work: () => Promise<void>): Promise<void> {
    await this.#measure(what, clusters, await this.#look(), work);
  }

  /** A new process counts from zero. */
  async restarted(clusters: number): Promise<void> {
    const before = { atMs: performance.now(), cpuSeconds: 0, metrics: new Map<string, number>() };
    const lookedAtAll = async (): Promise<boolean> =>
      total(await this.#operator.metrics(), 'controller_runtime_reconcile_total') >= clusters;
    await this.#measure('restarted', clusters, before, async () => {
      this.#operator.child.restart();
      await this.#operator.ready();
      await until('a look at every cluster', startedMs, lookedAtAll);
    });
  }

  /** Resolves when the last events of what happened are written. */
  async quiet(): Promise<void> {
    const written = () => writesIn(countVerbs(this.#requests));
    for (let seen = -1; seen !== written(); ) {
      seen = written();
      await sleep(this.#options.steadyMs / 6);
    }
  }

  async #measure(
    what: Phase['what'],
    clusters: number,
    before: Look,
    work: () => Promise<void>,
  ): Promise<void> {
    const begun = this.#requests.length;
    const disturbance = new Disturbance();
    await work();
    const othersCores = disturbance.cores();
    const after = await this.#look();
    const metrics = between(before.metrics, after.metrics);
    const seconds = (after.atMs - before.atMs) / 1000;
    const { pid } = this.#operator.child;
    this.phases.push({
      what,
      clusters,
      seconds,
      reconciles: total(metrics, 'controller_runtime_reconcile_total'),
      failures: total(metrics, 'controller_runtime_reconcile_errors_total'),
      reconcile: distribution(metrics, 'controller_runtime_reconcile_time_seconds'),
      wait: distribution(metrics, 'workqueue_queue_duration_seconds'),
      requests: countVerbs(this.#requests.slice(begun)),
      cores: (after.cpuSeconds - before.cpuSeconds) / seconds,
      othersCores,
      resident: residentBytesOf(pid),
      peak: peakResidentBytesOf(pid),
    });
    this.#options.say(`${clusters} ${what}: ${seconds.toFixed(1)} s`);
  }

  async #look(): Promise<Look> {
    const metrics = await this.#operator.metrics();
    return { atMs: performance.now(), cpuSeconds: cpuSecondsOf(this.#operator.child.pid), metrics };
  }
}

const startedMs = 120_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
