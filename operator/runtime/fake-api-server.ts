import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Connection, connect } from './connection.ts';
import type { KubeObject } from './kube-object.ts';
import { collectionPath, resourceOf } from './resources.ts';

/**
 * For tests: an API server over real HTTP that keeps objects in memory, with lists in pages, watches with bookmarks,
 * preconditions, merge patches, and the faults that a real one shows on bad days. It knows no schema and no defaults.
 */
export interface FakeApiServer {
  connection: Connection;
  /** Where it listens, such as `http://127.0.0.1:40000`. */
  url: string;
  /** Every request so far, as `METHOD /path?query`. */
  requests: string[];
  put(object: KubeObject): KubeObject;
  remove(collection: string, name: string): void;
  get(collection: string, name: string): KubeObject | undefined;
  /** Tells of every change, as the controllers of Kubernetes are told. They may change objects in turn. */
  onChange(listener: (change: ObjectChange) => void): void;
  /** Ends or spoils what the open watches see. */
  watches: {
    count(): number;
    bookmark(): void;
    sendRaw(line: string): void;
    cut(): void;
    /** Open and later watches get nothing more, while their connections stay open. */
    mute(): void;
    unmute(): void;
  };
  /** Forgets the history: a watch from an older version is answered with 410. */
  compact(): void;
  /** Answers the next `times` requests whose `METHOD /path` contains `match` with this code; 0 drops the connection. */
  failNext(match: string, code: number, times?: number, headers?: Record<string, string>): void;
  close(): Promise<void>;
}

export interface ObjectChange {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
}

export interface FakeApiServerOptions {
  /** Objects that a DELETE only marks, until somebody removes them: a kubelet ends the pod first. Default: none. */
  lingers?: (object: KubeObject) => boolean;
}

/** Changes that a watch can be continued from; older ones are forgotten, as the real server does after some minutes. */
const historyMax = 10_000;

interface Stored {
  collection: string;
  object: KubeObject;
}
interface OpenWatch {
  collection: string;
  response: ServerResponse;
}

export async function startFakeApiServer({
  lingers = () => false,
}: FakeApiServerOptions = {}): Promise<FakeApiServer> {
  const objects = new Map<string, Stored>();
  const history: ({ version: number; collection: string } & ObjectChange)[] = [];
  const listeners: ((change: ObjectChange) => void)[] = [];
  const open = new Set<OpenWatch>();
  const failures: { match: string; code: number; times: number; headers: Record<string, string> }[] = [];
  const requests: string[] = [];
  let version = 100;
  let oldest = 100;
  let muted = false;

  function record(type: ObjectChange['type'], collection: string, object: KubeObject): void {
    history.push({ version, collection, type, object });
    if (history.length > historyMax) oldest = history.shift()?.version ?? oldest;
    for (const watch of open) if (isWithin(collection, watch.collection)) emit(watch, { type, object });
    for (const listener of listeners) listener({ type, object });
  }
  function emit(watch: OpenWatch, event: object): void {
    if (!muted) watch.response.write(`${JSON.stringify(event)}\n`);
  }
  function save(collection: string, object: KubeObject): KubeObject {
    const id = `${collection}/${object.metadata.name}`;
    const before = objects.get(id)?.object;
    version += 1;
    const metadata = {
      ...object.metadata,
      uid: before?.metadata.uid ?? `uid-${version}`,
      resourceVersion: String(version),
      ...generationOf(object, before),
      managedFields: [{ manager: 'someone', fieldsType: 'FieldsV1', fieldsV1: fieldsOf(object) }],
    };
    const saved = { ...object, metadata };
    objects.set(id, { collection, object: saved });
    record(before === undefined ? 'ADDED' : 'MODIFIED', collection, saved);
    return saved;
  }
  function drop(collection: string, name: string): void {
    const held = objects.get(`${collection}/${name}`);
    if (held === undefined) return;
    objects.delete(`${collection}/${name}`);
    version += 1;
    const metadata = { ...held.object.metadata, resourceVersion: String(version) };
    record('DELETED', collection, { ...held.object, metadata });
  }

  const server = createServer((request, response) => {
    void readBody(request).then((body): unknown => {
      const url = new URL(request.url ?? '/', 'http://fake');
      requests.push(`${request.method} ${url.pathname}${url.search}`);
      const failure = failures.find(({ match }) => `${request.method} ${url.pathname}`.includes(match));
      if (failure !== undefined) {
        failure.times -= 1;
        if (failure.times === 0) failures.splice(failures.indexOf(failure), 1);
        if (failure.code === 0) return request.socket.destroy();
        return refuse(response, failure.code, 'Injected', failure.headers);
      }
      return answer(request.method ?? 'GET', url, body, response);
    });
  });

  function answer(method: string, url: URL, body: unknown, response: ServerResponse) {
    const at = locate(url.pathname);
    if (method === 'GET' && at.name === undefined) {
      return url.searchParams.get('watch') === 'true' ? watch(url, response) : list(url, response);
    }
    if (method === 'POST') return create(at.collection, body as KubeObject, response);
    const held = at.name === undefined ? undefined : objects.get(`${at.collection}/${at.name}`)?.object;
    const applying = method === 'PATCH' && url.searchParams.get('force') === 'true';
    if (held === undefined && !applying) return refuse(response, 404, 'NotFound');
    switch (method) {
      case 'GET':
        return reply(response, 200, held);
      case 'PUT':
        if (stale(held, (body as KubeObject).metadata)) return refuse(response, 409, 'Conflict');
        return reply(response, 200, save(at.collection, body as KubeObject));
      case 'PATCH': {
        const patch = body as KubeObject;
        if (stale(held, patch.metadata ?? {})) return refuse(response, 409, 'Conflict');
        const merged = merge(held ?? {}, patch) as KubeObject;
        if (held !== undefined && JSON.stringify(merged) === JSON.stringify(held))
          return reply(response, 200, held);
        return reply(response, 200, save(at.collection, merged));
      }
      case 'DELETE': {
        const { preconditions } = (body ?? {}) as { preconditions?: Record<string, string> };
        if (stale(held, preconditions ?? {})) return refuse(response, 409, 'Conflict');
        if (held !== undefined && lingers(held)) {
          const deletionTimestamp = held.metadata.deletionTimestamp ?? new Date().toISOString();
          const metadata = { ...held.metadata, deletionTimestamp };
          return reply(response, 200, save(at.collection, { ...held, metadata }));
        }
        drop(at.collection, at.name ?? '');
        return reply(response, 200, { kind: 'Status', status: 'Success' });
      }
      default:
        return refuse(response, 405, 'MethodNotAllowed');
    }
  }
  function create(collection: string, object: KubeObject, response: ServerResponse) {
    if (objects.has(`${collection}/${object.metadata.name}`)) return refuse(response, 409, 'AlreadyExists');
    reply(response, 201, save(collection, object));
  }
  function list(url: URL, response: ServerResponse) {
    const all = [...objects.values()].filter(({ collection }) => isWithin(collection, url.pathname));
    const start = Number(url.searchParams.get('continue') ?? 0);
    const end = start + Number(url.searchParams.get('limit') ?? all.length);
    // As the real server does: items of a list carry neither apiVersion nor kind.
    const items = all.slice(start, end).map(({ object: { apiVersion: _, kind: __, ...rest } }) => rest);
    const more = end < all.length ? { continue: String(end) } : {};
    reply(response, 200, { kind: 'List', metadata: { resourceVersion: String(version), ...more }, items });
  }
  function watch(url: URL, response: ServerResponse) {
    const from = Number(url.searchParams.get('resourceVersion'));
    if (from < oldest) return refuse(response, 410, 'Expired');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const entry = { collection: url.pathname, response };
    for (const event of history) {
      if (event.version > from && isWithin(event.collection, url.pathname)) emit(entry, event);
    }
    open.add(entry);
    response.on('close', () => open.delete(entry));
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const access = {
    getCurrentCluster: () => ({ name: 'fake', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }),
    applyToHTTPSOptions: () => Promise.resolve(),
  };
  const collectionOf = ({ kind, metadata }: KubeObject) =>
    collectionPath(resourceOf(kind), metadata.namespace);
  return {
    connection: connect(access),
    url: `http://127.0.0.1:${port}`,
    requests,
    put: (object) => save(collectionOf(object), object),
    remove: drop,
    get: (collection, name) => objects.get(`${collection}/${name}`)?.object,
    onChange: (listener) => void listeners.push(listener),
    watches: {
      count: () => open.size,
      bookmark() {
        const metadata = { resourceVersion: String(version) };
        for (const entry of open) emit(entry, { type: 'BOOKMARK', object: { metadata } });
      },
      sendRaw(line) {
        for (const { response } of open) response.write(`${line}\n`);
      },
      cut() {
        for (const { response } of open) response.destroy();
      },
      mute() {
        muted = true;
      },
      unmute() {
        muted = false;
      },
    },
    compact() {
      oldest = version;
      history.length = 0;
    },
    failNext: (match, code, times = 1, headers = {}) => void failures.push({ match, code, times, headers }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `/api/v1/namespaces/ns/pods/x/status` names object x of the collection before it. */
function locate(path: string): { collection: string; name: string | undefined } {
  const match = /^(.*\/namespaces\/[^/]+\/[^/]+)(?:\/([^/]+))?(?:\/status)?$/.exec(path);
  return { collection: match?.[1] ?? path, name: match?.[2] };
}

/** Whether a list or watch of `asked` shows objects of `collection`: without a namespace it spans all of them. */
function isWithin(collection: string, asked: string): boolean {
  return collection === asked || collection.replace(/\/namespaces\/[^/]+/, '') === asked;
}

/** Counts the changes of what is wanted, where an object says what is wanted. */
function generationOf(object: KubeObject, before: KubeObject | undefined): { generation?: number } {
  const [wanted, was] = [object, before].map((each) => (each as { spec?: unknown } | undefined)?.spec);
  if (wanted === undefined) return {};
  if (before === undefined) return { generation: object.metadata.generation ?? 1 };
  const changed = JSON.stringify(wanted) !== JSON.stringify(was);
  return { generation: (before.metadata.generation ?? 1) + (changed ? 1 : 0) };
}

/** The names of all fields, as the server keeps them for each object to know who owns which: a third of what it sends. */
function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) =>
      name === 'managedFields' ? [] : [[`f:${name}`, fieldsOf(inner)]],
    ),
  );
}

function stale(held: KubeObject | undefined, asked: { uid?: string; resourceVersion?: string }): boolean {
  const { uid, resourceVersion } = held?.metadata ?? {};
  return (
    (asked.uid !== undefined && asked.uid !== uid) ||
    (asked.resourceVersion !== undefined && asked.resourceVersion !== resourceVersion)
  );
}

function merge(base: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(base as object) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key] ?? {}, value);
  }
  return result;
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString('utf8');
  return text === '' ? undefined : JSON.parse(text);
}

function refuse(
  response: ServerResponse,
  code: number,
  reason: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ kind: 'Status', code, reason, message: `refused: ${reason}` }));
}

function reply(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
