import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Api } from './api.ts';
import { isNotFound } from './api-error.ts';
import type { Clock } from './clock.ts';
import type { KubeObject } from './kube-object.ts';
import { microTime } from './lease-election.ts';
import type { RuntimeMetrics } from './metrics.ts';

export interface EventInit {
  type: 'Normal' | 'Warning';
  /** CamelCase, from a short fixed list: people filter by it. */
  reason: string;
  /** What was being done: CamelCase verb. */
  action: string;
  /** A sentence for people: what happened, and what to do next. */
  note: string;
}

interface Series {
  ref: { apiVersion: string; kind: string; namespace: string; name: string };
  count: number;
  sentAtMs: number;
  lastSeenMs: number;
}

const controllerName = 'chaincluster.dev/operator';
/** A repeated event is counted locally and written at most this often. */
const seriesWriteEveryMs = 60_000;
/** After this long without a repetition the next one is a new event. */
const seriesEndsAfterMs = 360_000;
const burst = 25;
const refillEveryMs = 60_000;
const noteLength = 1024;

/**
 * Writes events.k8s.io/v1 events. Repetitions of one event become a count on it, and each object has a budget of 25
 * with one more a minute, so that a loop cannot flood the API. Never throws: events inform, they do not decide.
 */
export class EventRecorder {
  readonly #options: { api: Api; identity: string; clock: Clock; log: Logger; metrics?: RuntimeMetrics };
  readonly #series = new Map<string, Series>();
  readonly #budgets = new Map<string, { tokens: number; atMs: number }>();
  #writing: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: {
    api: Api;
    identity: string;
    clock: Clock;
    log: Logger;
    metrics?: RuntimeMetrics;
  }) {
    this.#options = options;
  }

  /** Tells about `regarding`; returns at once, the write happens behind. */
  record(regarding: KubeObject, event: EventInit): void {
    const { clock, metrics } = this.#options;
    this.#forgetOld();
    const now = clock.monotonicMs();
    const key = JSON.stringify([regarding.metadata.uid, event.type, event.reason, event.action, event.note]);
    const series = this.#series.get(key);
    if (series !== undefined) {
      series.count += 1;
      series.lastSeenMs = now;
      if (now - series.sentAtMs < seriesWriteEveryMs) return;
      series.sentAtMs = now;
      this.#enqueue(() => this.#writeCount(key, series));
      return;
    }
    if (!this.#spend(regarding.metadata.uid ?? '', now) || this.#waiting > 1000) {
      metrics?.eventsDropped.inc({ cause: 'budget' });
      return;
    }
    const object = this.#build(regarding, event, key);
    const { apiVersion, kind, metadata } = object;
    const ref = { apiVersion, kind, namespace: metadata.namespace, name: metadata.name };
    this.#series.set(key, { ref, count: 1, sentAtMs: now, lastSeenMs: now });
    this.#enqueue(async () => {
      await this.#options.api.create(object);
    });
  }

  /** Resolves when everything recorded so far was written or given up. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  #enqueue(write: () => Promise<void>): void {
    const { log, metrics } = this.#options;
    this.#waiting += 1;
    this.#writing = this.#writing.then(write).catch((error: unknown) => {
      metrics?.eventsDropped.inc({ cause: 'error' });
      log.warn({ err: error }, 'Could not write an event');
    });
    this.#writing = this.#writing.finally(() => {
      this.#waiting -= 1;
    });
  }

  async #writeCount(key: string, series: Series): Promise<void> {
    const lastObservedTime = microTime(this.#options.clock.wallMs());
    try {
      await this.#options.api.patch(series.ref, { series: { count: series.count, lastObservedTime } });
    } catch (error) {
      this.#series.delete(key); // the server has forgotten the event: the next repetition is a new one
      if (!isNotFound(error)) throw error;
    }
  }

  #build(regarding: KubeObject, event: EventInit, key: string) {
    const { identity, clock } = this.#options;
    const { name, namespace = 'default', uid, resourceVersion } = regarding.metadata;
    const now = clock.wallMs();
    const unique = createHash('sha256').update(`${key}${now}${identity}`).digest('hex').slice(0, 16);
    return {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace, name: `${name.slice(0, 200)}.${unique}` },
      eventTime: microTime(now),
      type: event.type,
      reason: event.reason,
      action: event.action,
      note: event.note.length > noteLength ? `${event.note.slice(0, noteLength - 1)}…` : event.note,
      reportingController: controllerName,
      reportingInstance: identity.slice(0, 128),
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        namespace,
        name,
        uid,
        resourceVersion,
      },
    };
  }

  #spend(uid: string, now: number): boolean {
    const held = this.#budgets.get(uid) ?? { tokens: burst, atMs: now };
    const tokens = Math.min(burst, held.tokens + (now - held.atMs) / refillEveryMs);
    this.#budgets.set(uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: now });
    return tokens >= 1;
  }

  #forgetOld(): void {
    const now = this.#options.clock.monotonicMs();
    for (const [key, series] of this.#series) {
      if (now - series.lastSeenMs > seriesEndsAfterMs) this.#series.delete(key);
    }
    for (const [uid, { tokens, atMs }] of this.#budgets) {
      if (tokens + (now - atMs) / refillEveryMs >= burst) this.#budgets.delete(uid);
    }
  }
}
