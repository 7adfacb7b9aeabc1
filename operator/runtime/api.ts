import { ApiError, isNotFound } from './api-error.ts';
import type { Connection, KubeRequest } from './connection.ts';
import { type KubeObject, keyOf, type ObjectRef, refOf } from './kube-object.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { collectionPath, groupPath, objectPath, resourceOf } from './resources.ts';
import { covers, hashOf } from './same.ts';

/** Owner of every field that the operator writes to objects. One name for ever: a second one would orphan fields. */
export const fieldManager = 'chaincluster-operator';
/** Owner of the fields of `/status`. */
const statusFieldManager = 'chaincluster-operator-status';
/** Holds the hash of what was applied last: tells of fields that we no longer want, which `covers` cannot see. */
export const appliedHashAnnotation = 'chaincluster.dev/applied-hash';

export interface DeleteOptions {
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  graceSeconds?: number;
  /** `Orphan` leaves the dependents alone. Default: the server deletes them in the background. */
  propagation?: 'Orphan' | 'Background' | 'Foreground';
}

export interface ApiOptions {
  connection: Connection;
  metrics?: RuntimeMetrics;
  /** Asked before every write: a process that lost its leadership must not write, however late it learns of it. */
  mayWrite?: () => boolean;
}

/** Reads and writes of single objects. Writes that would change nothing are not sent. */
export class Api {
  readonly #options: ApiOptions;
  /** Last state that an apply left behind, where the server keeps rewriting what we wrote. */
  readonly #settled = new Map<string, string>();

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** `undefined` when there is no such object. @throws ApiError */
  async get<T extends KubeObject>(ref: ObjectRef, stop?: AbortSignal): Promise<T | undefined> {
    try {
      return (await this.#send({ method: 'GET', path: objectPath(ref) }, stop)) as T;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Whether the server knows this kind, for kinds that an add-on brings. @throws ApiError */
  async serves(kind: string, stop?: AbortSignal): Promise<boolean> {
    const { apiVersion, plural } = resourceOf(kind);
    try {
      const list = await this.#send({ method: 'GET', path: groupPath(apiVersion) }, stop);
      return (list as { resources: { name: string }[] }).resources.some(({ name }) => name === plural);
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /**
   * Makes the object say what `wanted` says (server-side apply, taking over fields that others set). `live` is the
   * cached object: when it says so already nothing is sent and `undefined` is returned, else what the server answered.
   * @throws ApiError
   */
  async apply<T extends KubeObject>(
    wanted: T,
    live: T | undefined,
    stop?: AbortSignal,
  ): Promise<T | undefined> {
    const hash = hashOf(wanted);
    const body = withAnnotation(wanted, appliedHashAnnotation, hash);
    const settledKey = `${wanted.kind} ${keyOf(wanted)}`;
    if (live !== undefined && (covers(live, body) || this.#settled.get(settledKey) === stateOf(live, hash))) {
      return undefined;
    }
    const answer = (await this.#write('apply', wanted.kind, {
      method: 'PATCH',
      path: objectPath(refOf(wanted)),
      query: { fieldManager, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body,
      ...(stop === undefined ? {} : { stop }),
    })) as T;
    // A defaulting webhook may rewrite what we ask for. Asking again and again would not help.
    if (covers(answer, body)) this.#settled.delete(settledKey);
    else this.#settled.set(settledKey, stateOf(answer, hash));
    return answer;
  }

  /**
   * Replaces the fields of the status that `wanted` has, unless `live` says the same already. A merge patch and not an
   * apply: server-side apply turns a list with keys that becomes empty into null, which a schema may refuse.
   * @throws ApiError
   */
  async applyStatus<T extends KubeObject & { status?: unknown }>(
    wanted: T,
    live: T,
    stop?: AbortSignal,
  ): Promise<T | undefined> {
    if (hashOf(wanted.status) === hashOf(live.status)) return undefined;
    return (await this.#write('applyStatus', wanted.kind, {
      method: 'PATCH',
      path: `${objectPath(refOf(wanted))}/status`,
      query: { fieldManager: statusFieldManager },
      contentType: 'application/merge-patch+json',
      // The uid keeps a status from landing on a successor of the same name.
      body: { metadata: { uid: wanted.metadata.uid }, status: wanted.status },
      ...(stop === undefined ? {} : { stop }),
    })) as T;
  }

  /**
   * Changes single fields (JSON merge patch; `null` removes). Give `metadata.resourceVersion` in the patch when the
   * decision rests on what was read. @throws ApiError
   */
  async patch<T extends KubeObject>(ref: ObjectRef, patch: object, stop?: AbortSignal): Promise<T> {
    return (await this.#write('patch', ref.kind, {
      method: 'PATCH',
      path: objectPath(ref),
      query: { fieldManager },
      contentType: 'application/merge-patch+json',
      body: patch,
      ...(stop === undefined ? {} : { stop }),
    })) as T;
  }

  /** @throws ApiError 409 when it exists already. */
  async create<T extends KubeObject>(object: T, stop?: AbortSignal): Promise<T> {
    return (await this.#write('create', object.kind, {
      method: 'POST',
      path: collectionPath(resourceOf(object.kind), object.metadata.namespace),
      query: { fieldManager },
      body: object,
      ...(stop === undefined ? {} : { stop }),
    })) as T;
  }

  /**
   * Deletes exactly the object that was read (preconditions). Resolves with its last state while it is terminating,
   * with `undefined` when it is gone. @throws ApiError 409 when it is another one by now.
   */
  async delete<T extends KubeObject>(
    ref: ObjectRef,
    options: DeleteOptions,
    stop?: AbortSignal,
  ): Promise<T | undefined> {
    const { uid, resourceVersion, graceSeconds, propagation } = options;
    try {
      const answer = (await this.#write('delete', ref.kind, {
        method: 'DELETE',
        path: objectPath(ref),
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          preconditions: { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) },
          ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
          ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
        },
        ...(stop === undefined ? {} : { stop }),
      })) as T;
      return answer.kind === 'Status' ? undefined : answer;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #send(request: KubeRequest, stop: AbortSignal | undefined): Promise<unknown> {
    return this.#options.connection.send(stop === undefined ? request : { ...request, stop });
  }

  async #write(verb: string, kind: string, request: KubeRequest): Promise<unknown> {
    if (this.#options.mayWrite?.() === false) {
      throw new ApiError({
        code: 0,
        reason: 'NotLeader',
        message: `${verb} of ${kind} refused: this process no longer leads`,
      });
    }
    const answer = await this.#options.connection.send(request);
    this.#options.metrics?.writes.inc({ kind, verb });
    return answer;
  }
}

/** Fingerprint of an object between two of its changes; status alone does not count where generations exist. */
function stateOf(object: KubeObject, hash: string): string {
  const { uid, generation, resourceVersion } = object.metadata;
  return `${hash} ${uid} ${generation ?? resourceVersion}`;
}

function withAnnotation<T extends KubeObject>(object: T, name: string, value: string): T {
  const annotations = { ...object.metadata.annotations, [name]: value };
  return { ...object, metadata: { ...object.metadata, annotations } };
}
