/**
 * As much of a Kubernetes API server as the state store talks to, over real HTTP, with faults on demand. Only for unit
 * tests: e2e/stories/00-state-store.e2e.ts runs the same suite against a real one.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Stored {
  metadata: { name: string; uid: string; resourceVersion: string; [more: string]: unknown };
  [more: string]: unknown;
}

/** What happens to one request instead of the usual. */
export type Fault =
  /** Carried out, but the answer never comes. */
  | 'silentAfter'
  /** Neither carried out nor answered. */
  | 'silent'
  /** Carried out, answered with 500. */
  | 'errorAfter'
  | { readonly status: number };

export interface FakeApi {
  readonly server: string;
  /** Objects by path. */
  readonly objects: Map<string, Stored>;
  /** Faults of the requests to come with this method, in order. */
  readonly faults: { readonly method: string; readonly fault: Fault }[];
  readonly requests: { readonly method: string; readonly path: string }[];
  /** Changes an object as a stranger would. */
  touch(path: string, patch: object): void;
  close(): Promise<void>;
}

export async function startFakeApi(): Promise<FakeApi> {
  const objects: FakeApi['objects'] = new Map();
  const faults: FakeApi['faults'] = [];
  const requests: { method: string; path: string }[] = [];
  let version = 100;

  const put = (path: string, object: Stored): Stored => {
    version++;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: `${version}` } };
    objects.set(path, stored);
    return stored;
  };

  const carryOut = (method: string, path: string, body: Stored | undefined): [number, unknown] => {
    const live = objects.get(path);
    if (method === 'POST' && body !== undefined) {
      const own = `${path}/${body.metadata.name}`;
      if (objects.has(own)) return status(409, 'already exists');
      return [201, put(own, { ...body, metadata: { ...body.metadata, uid: `uid-${version}` } })];
    }
    if (live === undefined) return status(404, 'not found');
    if (method === 'GET') return [200, live];
    const wanted = body?.metadata;
    if (wanted?.uid !== undefined && wanted.uid !== live.metadata.uid) return status(409, 'the uid differs');
    if (wanted?.resourceVersion !== undefined && wanted.resourceVersion !== live.metadata.resourceVersion)
      return status(409, 'the object has been modified');
    return [200, put(path, patched(live, body ?? {}) as Stored)];
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString('utf8');
    const path = new URL(request.url ?? '', 'http://fake').pathname;
    const method = request.method ?? '';
    requests.push({ method, path });
    const at = faults.findIndex((fault) => fault.method === method);
    const fault = at < 0 ? undefined : faults.splice(at, 1)[0]?.fault;
    if (fault === 'silent') return;
    const [code, usual] =
      typeof fault === 'object'
        ? status(fault.status, 'a fault of the test')
        : carryOut(method, path, text === '' ? undefined : (JSON.parse(text) as Stored));
    if (fault === 'silentAfter') return;
    const [given, said] = fault === 'errorAfter' ? status(500, 'a fault of the test') : [code, usual];
    response.writeHead(given, { 'content-type': 'application/json' }).end(JSON.stringify(said));
  };

  const server = createServer((request, response) => {
    // A request that is broken off shows itself at the client.
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    objects,
    faults,
    requests,
    touch(path, patch) {
      const live = objects.get(path);
      if (live === undefined) throw new Error(`there is no ${path}`);
      put(path, patched(live, patch) as Stored);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function status(code: number, message: string): [number, object] {
  return [code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message }];
}

/** RFC 7386. */
function patched(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = patched(result[key], value);
  }
  return result;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
