import type { Logger } from 'pino';
import { ApiError } from './api-error.ts';
import { type Clock, sleep } from './clock.ts';
import type { RuntimeMetrics } from './metrics.ts';
import type { WorkQueue } from './work-queue.ts';

/** What one look at a key came to. A thrown error means "try again, later each time". */
export type ReconcileResult = { is: 'done' } | { is: 'again'; afterMs: number };

/** A failure that only a change of the resource can mend: it is not tried again before one. */
export class TerminalError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TerminalError';
  }
}

export interface ControllerOptions {
  name: string;
  queue: WorkQueue;
  /** `stop` ends a run that takes longer than `runLimitMs` or outlives the shutdown's grace. */
  reconcile: (key: string, stop: AbortSignal) => Promise<ReconcileResult>;
  clock: Clock;
  log: Logger;
  metrics: RuntimeMetrics;
  concurrency?: number;
  runLimitMs?: number;
  /** How long running reconciliations may go on after the stop. */
  drainMs?: number;
}

/** Works on the queue's keys until `stop`, then lets running reconciliations finish. Never rejects. */
export async function runController(options: ControllerOptions, stop: AbortSignal): Promise<void> {
  const { name, queue, clock, metrics, concurrency = 2, drainMs = 30_000 } = options;
  metrics.maxConcurrent.set({ controller: name }, concurrency);
  const cut = new AbortController();
  stop.addEventListener('abort', () => queue.close(), { once: true });
  if (stop.aborted) queue.close();

  const workers = Array.from({ length: concurrency }, () => work(options, cut.signal));
  const finished = Promise.all(workers);
  await Promise.race([finished, untilAborted(stop)]);
  await Promise.race([finished, sleep(clock, drainMs, cut.signal)]);
  cut.abort(new Error('shutting down'));
  await finished;
}

async function work(options: ControllerOptions, cut: AbortSignal): Promise<void> {
  const { queue, metrics, name } = options;
  for (;;) {
    const key = await queue.next();
    if (key === undefined) return;
    metrics.activeWorkers.inc({ controller: name });
    try {
      await runOnce(options, key, cut);
    } finally {
      metrics.activeWorkers.dec({ controller: name });
      queue.done(key);
    }
  }
}

async function runOnce(options: ControllerOptions, key: string, cut: AbortSignal): Promise<void> {
  const { queue, reconcile, clock, metrics, name, log, runLimitMs = 120_000 } = options;
  const limit = new AbortController();
  const disarm = clock.after(runLimitMs, () => limit.abort(new Error(`took longer than ${runLimitMs} ms`)));
  const startedAt = clock.monotonicMs();
  let result: 'success' | 'error' | 'requeue_after' = 'success';
  try {
    const outcome = await reconcile(key, AbortSignal.any([limit.signal, cut]));
    queue.forget(key);
    if (outcome.is === 'again') {
      result = 'requeue_after';
      queue.addAfter(key, outcome.afterMs);
    }
  } catch (error) {
    result = 'error';
    metrics.reconcileErrors.inc({ controller: name });
    if (limit.signal.aborted) metrics.reconcileTimeouts.inc({ controller: name });
    settleFailure(options, key, error);
  } finally {
    disarm();
    metrics.reconciles.inc({ controller: name, result });
    metrics.reconcileSeconds.observe({ controller: name }, (clock.monotonicMs() - startedAt) / 1000);
    log.debug({ key, result, ms: Math.round(clock.monotonicMs() - startedAt) }, 'Reconciled');
  }
}

function settleFailure({ queue, metrics, name, log }: ControllerOptions, key: string, error: unknown): void {
  if (error instanceof TerminalError) {
    metrics.reconcileTerminalErrors.inc({ controller: name });
    queue.forget(key);
    log.error({ key, reason: error.message }, 'Gave up until the resource changes');
    return;
  }
  if (isDefect(error)) metrics.reconcilePanics.inc({ controller: name });
  queue.retry(key, error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0);
  log.warn({ key, err: error, failures: queue.failures(key) }, 'Reconciliation failed, will try again');
}

/** Errors that JavaScript raises for wrong programs, as opposed to those raised for the state of the world. */
function isDefect(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
