/**
 * The state store in the Kubernetes API: a Lease (which `kubectl get lease` can read) is the lease object, a ConfigMap
 * the state object. Both swap by `resourceVersion`. A tag of our own names each content, as somebody who only changes a
 * label or an annotation moves the `resourceVersion` too, and no coordinator should fall for that. The tag of the state is
 * part of its data: whoever changes that changes the state.
 */
import { createHash, randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { StoredObject } from '../../protocol/coordinator/contract.ts';
import { ApiError, type ApiRequest, type KubernetesApi } from './kubernetes-api.ts';
import type { StateStore, Stored, Written } from './state-store.ts';

export interface KubernetesObjects {
  readonly namespace: string;
  /** Name of the Lease. */
  readonly lease: string;
  /** Name of the ConfigMap. */
  readonly configMap: string;
}

/**
 * Kubernetes takes 1 MiB of data in a ConfigMap. The state is compressed: 4096 slots of 7 members with the longest
 * names are about 600 KiB, so this is far from what the resource's limits allow.
 */
export const stateBytesMax = 900 * 1024;

/** The objects need not exist; without permission to make them they must (the operator makes them, empty). */
export function createKubernetesStateStore(api: KubernetesApi, objects: KubernetesObjects): StateStore {
  return new KubernetesStateStore(api, {
    lease: leaseShape(objects),
    state: stateShape(objects),
  });
}

/** How one object is kept in Kubernetes. */
interface Shape {
  /** For sentences. */
  readonly title: string;
  readonly collection: string;
  readonly path: string;
  readonly empty: { apiVersion: string; kind: string; metadata: { name: string; namespace: string } };
  content(live: KubernetesObject): string | null;
  /** The tag that the last writer gave; undefined = none is there. */
  tag(live: KubernetesObject): string | undefined;
  /** The fields that hold `value` and its tag, as a merge patch. */
  fields(value: string, tag: string, live: KubernetesObject | null): object;
}

interface KubernetesObject {
  readonly metadata: {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseTransitions?: number;
    readonly acquireTime?: string;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

interface Seen {
  readonly live: KubernetesObject;
  readonly tag: string | null;
}

const tagAnnotation = 'chaincluster.dev/tag';
const recordAnnotation = 'chaincluster.dev/record';
const stateKey = 'state.json.gz';
const tagKey = 'tag';
/** Far more than any state is; what somebody else put there may unpack to anything. */
const unpackedBytesMax = 64 * 1024 * 1024;
const writer = 'fieldManager=chaincluster-coordinator';
/** Foreign changes of the same object that one write bears with. */
const attempts = 4;

class KubernetesStateStore implements StateStore {
  readonly names: StateStore['names'];
  readonly #api: KubernetesApi;
  readonly #shapes: Readonly<Record<StoredObject, Shape>>;
  readonly #seen = new Map<StoredObject, Seen>();

  constructor(api: KubernetesApi, shapes: Readonly<Record<StoredObject, Shape>>) {
    this.#api = api;
    this.#shapes = shapes;
    this.names = { lease: shapes.lease.title, state: shapes.state.title };
  }

  async read(object: StoredObject): Promise<Stored> {
    const seen = await this.#look(object);
    const value = seen === null ? null : this.#shapes[object].content(seen.live);
    return { value, tag: seen?.tag ?? null };
  }

  async write(object: StoredObject, value: string, expect: string | null): Promise<Written> {
    const shape = this.#shapes[object];
    for (let attempt = 0; attempt < attempts; attempt++) {
      const held = this.#seen.get(object);
      const seen = held !== undefined && held.tag === expect ? held : await this.#look(object);
      if ((seen?.tag ?? null) !== expect) return { kind: 'conflict' };
      const tag = nextTag(expect);
      const changes = shape.fields(value, tag, seen?.live ?? null);
      const written = await this.#swap(object, seen, changes);
      if (written) return { kind: 'written', tag };
    }
    throw new Error(`${shape.title} is changed by somebody else all the time; see its managedFields`);
  }

  async close(): Promise<void> {
    this.#api.close();
  }

  /** false = the object is not as seen any more, and was not changed. */
  async #swap(object: StoredObject, seen: Seen | null, changes: object): Promise<boolean> {
    const { path, collection, empty, title } = this.#shapes[object];
    const request: ApiRequest =
      seen === null
        ? { method: 'POST', path: `${collection}?${writer}`, body: merge(empty, changes) }
        : {
            method: 'PATCH',
            path: `${path}?${writer}`,
            contentType: 'application/merge-patch+json',
            body: merge(changes, {
              metadata: { uid: seen.live.metadata.uid, resourceVersion: seen.live.metadata.resourceVersion },
            }),
          };
    // Whatever comes of it, what was seen is old now.
    this.#seen.delete(object);
    try {
      this.#remember(object, (await this.#api.send(request)) as KubernetesObject);
      return true;
    } catch (error) {
      if (error instanceof ApiError && (error.status === 409 || (seen !== null && error.status === 404)))
        return false;
      if (error instanceof ApiError && seen === null && error.status === 403)
        throw new Error(
          `${title} does not exist and may not be made by a coordinator; the operator makes it`,
          {
            cause: error,
          },
        );
      throw error;
    }
  }

  async #look(object: StoredObject): Promise<Seen | null> {
    try {
      // Without a resourceVersion the API server answers with the newest content.
      const live = (await this.#api.send({
        method: 'GET',
        path: this.#shapes[object].path,
      })) as KubernetesObject;
      return this.#remember(object, live);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      this.#seen.delete(object);
      return null;
    }
  }

  #remember(object: StoredObject, live: KubernetesObject): Seen {
    const shape = this.#shapes[object];
    const seen = { live, tag: shape.tag(live) ?? foreignTag(shape.content(live)) };
    this.#seen.set(object, seen);
    return seen;
  }
}

/** Names a content that no coordinator tagged: what somebody put there by hand can be read, and be replaced knowingly. */
function foreignTag(content: string | null): string | null {
  return content === null
    ? null
    : `foreign-${createHash('sha256').update(content).digest('hex').slice(0, 16)}`;
}

/** Never the same twice, even for two writers after the same content; counts up for people who look at it. */
function nextTag(previous: string | null): string {
  const number = Number.parseInt(previous ?? '0', 10);
  return `${Number.isSafeInteger(number) ? number + 1 : 1}-${randomBytes(4).toString('hex')}`;
}

function leaseShape({ namespace, lease }: KubernetesObjects): Shape {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  return {
    title: `Lease ${namespace}/${lease}`,
    collection,
    path: `${collection}/${lease}`,
    empty: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: lease, namespace } },
    content: (live) => live.metadata.annotations?.[recordAnnotation] ?? null,
    // Without its record it is a Lease that nobody ever took.
    tag: ({ metadata: { annotations } }) =>
      annotations?.[recordAnnotation] === undefined ? undefined : annotations[tagAnnotation],
    fields: (value, tag, live) => ({
      metadata: { annotations: { [recordAnnotation]: value, [tagAnnotation]: tag } },
      spec: leaseSpec(value, live),
    }),
  };
}

/** What `kubectl get lease` shows. Only for people: coordinators go by the record and by their own clocks. */
function leaseSpec(value: string, live: KubernetesObject | null): object {
  const { holder, durationMs, released } = recordOf(value);
  if (holder === undefined || durationMs === undefined) return {};
  const now = new Date().toISOString().replace('Z', '000Z');
  const identity = released === true ? null : holder;
  const before = live?.spec?.holderIdentity ?? null;
  const taken = identity !== null && identity !== before;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.max(1, Math.ceil(durationMs / 1000)),
    renewTime: now,
    ...(taken && { acquireTime: now, leaseTransitions: (live?.spec?.leaseTransitions ?? 0) + 1 }),
  };
}

function recordOf(value: string): { holder?: string; durationMs?: number; released?: boolean } {
  try {
    return JSON.parse(value) as object;
  } catch {
    return {};
  }
}

function stateShape({ namespace, configMap }: KubernetesObjects): Shape {
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  const title = `ConfigMap ${namespace}/${configMap}`;
  return {
    title,
    collection,
    path: `${collection}/${configMap}`,
    empty: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: configMap, namespace } },
    content(live) {
      const packed = live.binaryData?.[stateKey];
      return packed === undefined ? null : unpacked(Buffer.from(packed, 'base64'));
    },
    // It stays when somebody removes the state itself: an emptied object is not one that was never written.
    tag: (live) => live.data?.[tagKey],
    fields(value, tag) {
      const packed = gzipSync(value);
      if (packed.length > stateBytesMax)
        throw new Error(
          `the state is ${packed.length} bytes even when compressed, above the ${stateBytesMax} that ${title} may hold; use fewer slots or shorter names`,
        );
      return { data: { [tagKey]: tag }, binaryData: { [stateKey]: packed.toString('base64') } };
    },
  };
}

/** What no coordinator packed is given as it is: whether it is a state is for its reader to say. */
function unpacked(packed: Buffer): string {
  try {
    return gunzipSync(packed, { maxOutputLength: unpackedBytesMax }).toString('utf8');
  } catch {
    return packed.toString('latin1');
  }
}

/** Lays `over` onto `base`, object by object. */
function merge(base: object, over: object): object {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    result[key] = isObject(below) && isObject(value) ? merge(below, value) : value;
  }
  return result;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
