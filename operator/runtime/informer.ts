import type { Logger } from 'pino';
import { ApiError, isGone } from './api-error.ts';
import { backoffMs, type Clock, type Random, sleep } from './clock.ts';
import type { Connection } from './connection.ts';
import { type KubeObject, keyOf, objectKey } from './kube-object.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { collectionPath, type Resource } from './resources.ts';

export type Change<T> =
  | { type: 'added'; object: T }
  | { type: 'changed'; object: T; before: T }
  | { type: 'deleted'; object: T };

export interface InformerOptions<T extends KubeObject> {
  connection: Connection;
  resource: Resource;
  /** Empty or absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  /** What of an object is kept and told of. Default: everything. */
  keep?: (object: T) => T;
  onChange: (change: Change<T>) => void;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics?: RuntimeMetrics;
  timings?: Partial<InformerTimings>;
}

export interface InformerTimings {
  /** A watch without a line for this long is opened anew; a healthy server sends a bookmark about every minute. */
  silenceMs: number;
  /** The whole collection is listed anew this often (plus up to a tenth), in case a watch lost something unnoticed. */
  relistMs: number;
  backoffBaseMs: number;
  backoffMaxMs: number;
  /** The server ends a watch after between one and two times this. */
  watchSeconds: number;
}

const defaultTimings: InformerTimings = {
  silenceMs: 90_000,
  relistMs: 600_000,
  backoffBaseMs: 800,
  backoffMaxMs: 30_000,
  watchSeconds: 300,
};
const pageSize = '500';

/**
 * A local copy of one kind of object, kept up to date by list and watch. Objects are frozen raw JSON with apiVersion
 * and kind, without managedFields. Handlers get every difference once, whether a watch or a relist showed it.
 */
export class Informer<T extends KubeObject = KubeObject> {
  readonly #options: InformerOptions<T>;
  readonly #timings: InformerTimings;
  readonly #objects = new Map<string, T>();
  #resourceVersion = '';
  #synced = false;
  #lastHeardMs: number;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#timings = { ...defaultTimings, ...options.timings };
    this.#lastHeardMs = options.clock.monotonicMs();
  }

  /** True once the first list is complete; stays true while a lost watch is being opened again. */
  get hasSynced(): boolean {
    return this.#synced;
  }

  /** How long the server has said nothing, not even a bookmark. */
  get lastEventAgeMs(): number {
    return this.#options.clock.monotonicMs() - this.#lastHeardMs;
  }

  get resource(): Resource {
    return this.#options.resource;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(objectKey(namespace, name));
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  /**
   * Takes over what a write answered, so that the next look sees its own writes. Only for objects that are known: a
   * late answer about one that was deleted meanwhile would leave a ghost. Resource versions of one kind are numbers
   * that grow; whatever is not a number is left to the watch.
   */
  accept(object: T): void {
    const before = this.#objects.get(keyOf(object));
    if (before?.metadata.uid !== object.metadata.uid || before === undefined) return;
    if (isNewer(object, before)) this.#store(this.#normalise(object));
  }

  /** Lists and watches until `stop`, whatever the server does in between. Never rejects. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock, random, log, resource } = this.#options;
    let failures = 0;
    while (!stop.aborted) {
      try {
        await this.#list(stop);
        failures = 0;
        await this.#watchUntilRelist(stop, () => {
          failures = 0;
        });
      } catch (error) {
        if (stop.aborted) return;
        const waitMs = this.#backoff(failures++, random, error);
        log.warn(
          { kind: resource.kind, err: error, waitMs: Math.round(waitMs) },
          'Watch failed, will list again',
        );
        await sleep(clock, waitMs, stop);
      }
    }
  }

  /** Watches, again and again from where it was, until it is time to list anew or the server has forgotten us. */
  async #watchUntilRelist(stop: AbortSignal, onProgress: () => void): Promise<void> {
    const { clock, random, log, resource } = this.#options;
    const relistAt = clock.monotonicMs() + this.#timings.relistMs * (1 + random() / 10);
    let failures = 0;
    while (!stop.aborted && clock.monotonicMs() < relistAt) {
      try {
        const heard = await this.#watchOnce(stop, relistAt);
        if (heard) onProgress();
        // A server that closes at once, without an error, must not be asked in a tight loop.
        failures = heard ? 0 : failures + 1;
        if (!heard) await sleep(clock, this.#backoff(failures, random), stop);
      } catch (error) {
        if (stop.aborted) return;
        this.#count(isGone(error) ? 'gone' : 'error');
        if (isGone(error)) return log.info({ kind: resource.kind }, 'Watch expired, listing again');
        if (error instanceof ApiError && error.code >= 400 && error.code < 500 && error.code !== 429)
          throw error;
        const waitMs = this.#backoff(failures++, random, error);
        log.warn({ kind: resource.kind, err: error, waitMs: Math.round(waitMs) }, 'Watch broke, will go on');
        await sleep(clock, waitMs, stop);
      }
    }
  }

  /** One watch request. Resolves with whether anything was heard. @throws ApiError, also for an in-stream ERROR. */
  async #watchOnce(stop: AbortSignal, relistAt: number): Promise<boolean> {
    const { connection, resource, namespace, clock, random } = this.#options;
    const cut = new AbortController();
    let cause = 'closed';
    const cutFor = (why: string) => () => {
      cause = why;
      cut.abort();
    };
    const disarmRelist = clock.after(Math.max(0, relistAt - clock.monotonicMs()), cutFor('relist'));
    let disarm = clock.after(this.#timings.silenceMs, cutFor('silence'));
    let heard = false;
    try {
      const lines = connection.lines({
        method: 'GET',
        path: collectionPath(resource, namespace),
        query: {
          ...this.#selector(),
          watch: 'true',
          allowWatchBookmarks: 'true',
          resourceVersion: this.#resourceVersion,
          timeoutSeconds: String(Math.round(this.#timings.watchSeconds * (1 + random()))),
        },
        stop: AbortSignal.any([stop, cut.signal]),
      });
      for await (const line of lines) {
        disarm();
        disarm = clock.after(this.#timings.silenceMs, cutFor('silence'));
        this.#take(line);
        heard = true;
      }
    } catch (error) {
      if (!cut.signal.aborted) throw error; // a cut of our own is no failure
    } finally {
      disarm();
      disarmRelist();
    }
    this.#count(cause);
    return heard || cause === 'relist' || cause === 'silence';
  }

  #take(line: string): void {
    const { resource, metrics, clock } = this.#options;
    const event = parseEvent(line);
    this.#lastHeardMs = clock.monotonicMs();
    metrics?.informerEvents.inc({ kind: resource.kind, type: event.type });
    if (event.type === 'ERROR') {
      const status = event.object as unknown as { code?: number; reason?: string; message?: string };
      throw new ApiError({
        code: status.code ?? 500,
        reason: status.reason ?? 'Unknown',
        message: `watch of ${resource.plural}: ${status.message ?? 'error without a message'}`,
      });
    }
    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
    if (event.type === 'BOOKMARK') return;
    const object = this.#normalise(event.object as T);
    if (event.type === 'DELETED') this.#remove(object);
    else this.#store(object);
  }

  async #list(stop: AbortSignal): Promise<void> {
    const { connection, resource, namespace, clock } = this.#options;
    const found = new Map<string, T>();
    let page = '';
    do {
      const list = (await connection.send({
        method: 'GET',
        path: collectionPath(resource, namespace),
        query: { ...this.#selector(), limit: pageSize, ...(page === '' ? {} : { continue: page }) },
        timeoutMs: 60_000,
        stop,
      })) as { items?: T[]; metadata: { resourceVersion: string; continue?: string } };
      for (const item of list.items ?? []) found.set(keyOf(item), this.#normalise(item));
      this.#resourceVersion = list.metadata.resourceVersion;
      page = list.metadata.continue ?? '';
    } while (page !== '');
    this.#lastHeardMs = clock.monotonicMs();
    for (const [key, object] of this.#objects) if (!found.has(key)) this.#remove(object);
    // A list is the truth even where its versions are lower: the server's database may have been restored.
    for (const object of found.values()) this.#store(object, 'authoritative');
    this.#synced = true;
  }

  #store(object: T, trust: 'authoritative' | 'unless older' = 'unless older'): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before !== undefined && before.metadata.uid === object.metadata.uid) {
      if (before.metadata.resourceVersion === object.metadata.resourceVersion) return;
      // An accepted write may run ahead of the watch.
      if (trust === 'unless older' && isNewer(before, object)) return;
    }
    this.#objects.set(key, object);
    this.#tell(before === undefined ? { type: 'added', object } : { type: 'changed', object, before });
  }

  #remove(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    // The deletion of a predecessor must not hide its successor of the same name.
    if (before === undefined || before.metadata.uid !== object.metadata.uid) return;
    this.#objects.delete(key);
    this.#tell({ type: 'deleted', object });
  }

  #tell(change: Change<T>): void {
    try {
      this.#options.onChange(change);
    } catch (error) {
      // A handler's defect must not end the watch that all others live on.
      this.#options.log.error({ err: error, kind: this.#options.resource.kind }, 'Change handler failed');
    }
  }

  #normalise(object: T): T {
    const { keep = (whole: T) => whole, resource } = this.#options;
    const { apiVersion, kind } = resource;
    const { managedFields: _, ...metadata } = object.metadata as T['metadata'] & { managedFields?: unknown };
    return deepFreeze(keep({ ...object, apiVersion, kind, metadata }));
  }

  #selector(): Record<string, string> {
    const { labelSelector } = this.#options;
    return labelSelector === undefined ? {} : { labelSelector };
  }

  #backoff(failures: number, random: Random, error?: unknown): number {
    const { backoffBaseMs, backoffMaxMs } = this.#timings;
    const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(asked, backoffMs(failures, backoffBaseMs, backoffMaxMs, random));
  }

  #count(cause: string): void {
    const { metrics, resource } = this.#options;
    metrics?.informerRestarts.inc({ kind: resource.kind, cause });
  }
}

function parseEvent(line: string): { type: string; object: KubeObject } {
  try {
    return JSON.parse(line) as { type: string; object: KubeObject };
  } catch (cause) {
    // Something was lost on the way; going on would hide a change for ever.
    throw new ApiError({ code: 0, reason: 'BrokenLine', message: 'a watch line is not JSON', cause });
  }
}

function isNewer(a: KubeObject, b: KubeObject): boolean {
  const [left, right] = [a.metadata.resourceVersion ?? '', b.metadata.resourceVersion ?? ''];
  if (!/^\d+$/.test(left) || !/^\d+$/.test(right)) return false;
  return BigInt(left) > BigInt(right);
}

function deepFreeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
