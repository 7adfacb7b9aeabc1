import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  type Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ChainError, type ErrorCode, errorCodes, InvariantBroken } from '../protocol/errors.ts';
import type { Assignment, Key } from '../protocol/words.ts';
import { type GrpcServerOptions, type Handlers, startGrpcServer } from './grpc.ts';
import {
  clusterService,
  type KeyValueMethods,
  keyValueService,
  type PutRequest,
  type StatusResponse,
} from './grpc-api.ts';
import { openChannel } from './grpc-channel.ts';
import { DetailedError, fromServiceError, statusOf, toServiceError } from './grpc-errors.ts';

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

const never = (): never => {
  throw new ChainError('NOT_FOUND', 'this test does not answer that');
};
const noKeyValue: Handlers<KeyValueMethods> = { get: never, put: never, delete: never, add: never };

async function serve(options: Partial<GrpcServerOptions> = {}) {
  const server = await startGrpcServer({ port: 0, host: '127.0.0.1', keyValue: noKeyValue, ...options });
  opened.push(() => server.close(0));
  return server;
}

function keyValue(port: number) {
  const channel = openChannel(`127.0.0.1:${port}`, keyValueService);
  opened.push(() => channel.close());
  return channel.call;
}

type Answered = { error: ServiceError | null; response: Record<string, unknown>; trailers: Metadata };
type Foreign = (name: string, request: object, deadlineMs?: number) => Promise<Answered>;

/** A client that knows nothing but a .proto file, as any other language would be. */
function foreign(port: number, file: string, service: string, includeDirs: string[] = []): Foreign {
  const loaded = loadPackageDefinition(
    loadSync(file, { longs: String, enums: String, defaults: true, oneofs: true, includeDirs }),
  );
  const type = service.split('.').reduce((at, part) => at[part] as GrpcObject, loaded);
  const client: Client = new (type as unknown as ServiceClientConstructor)(
    `127.0.0.1:${port}`,
    credentials.createInsecure(),
  );
  opened.push(() => client.close());
  return (name, request, deadlineMs = 10_000) =>
    new Promise((resolve) => {
      const method = (client as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
      const options = { deadline: Date.now() + deadlineMs };
      method?.call(
        client,
        request,
        options,
        (error: ServiceError | null, response: Record<string, unknown>) =>
          resolve({ error, response, trailers: error?.metadata as Metadata }),
      );
    });
}

const schema = join(import.meta.dirname, '../proto/chaincluster.proto');
const key = (text: string) => text as Key;
const at = { version: 3, seq: 2 ** 53 - 1 };

describe('a gRPC server', () => {
  test('hands its handlers what the caller meant, and the caller what they answered', async () => {
    const seen: unknown[] = [];
    const written = {
      position: at,
      slot: 9,
      version: 4,
      replaced: null,
      slotTime: 1_700_000_000_000,
    } as never;
    const server = await serve({
      keyValue: {
        get(request, call) {
          seen.push([request, call.deadlineMs > 5000 && call.deadlineMs <= 10_000]);
          const object = {
            value: Buffer.from('v'),
            revision: 7,
            version: 1,
            created: 5,
            updated: 6,
          } as never;
          return { object, slot: 9 as never, token: at as never, slotTime: 8 };
        },
        put: (request) => {
          seen.push(request);
          return written;
        },
        delete: (request) => {
          seen.push(request);
          return written;
        },
        add: (request) => {
          seen.push(request);
          return { write: written, value: -(2n ** 63n) };
        },
      },
    });
    const call = keyValue(server.port);
    const options = { deadlineMs: 10_000 };
    const get = { key: key('k\xff'), level: 'session', boundMs: 0, token: at } as never;
    expect(await call.get(get, options)).toEqual({
      object: { value: Buffer.from('v'), revision: 7, version: 1, created: 5, updated: 6 },
      slot: 9,
      token: at,
      slotTime: 8,
    });
    const id = { client: 2 ** 53 - 1, number: 3, floor: 2, slotTime: 1, retry: true } as never;
    const conditions = [{ field: 'revision', operator: 'ge', value: -5 }] as const;
    const put: PutRequest = { key: key('k'), value: Buffer.from('value'), conditions, id };
    expect(await call.put(put, options)).toEqual(written);
    expect(await call.delete({ key: key('k'), conditions: [], id: null }, options)).toEqual(written);
    const add = { key: key('n'), delta: 2n ** 63n - 1n, conditions: [], id: null };
    expect(await call.add(add, options)).toEqual({ write: written, value: -(2n ** 63n) });
    expect(seen).toEqual([[get, true], put, { key: 'k', conditions: [], id: null }, add]);
  });

  test('speaks the schema with clients that know only that', async () => {
    const seen: unknown[] = [];
    const server = await serve({
      keyValue: {
        ...noKeyValue,
        get: () => ({ object: null, slot: 9 as never, token: at as never, slotTime: 0 }),
        put: (request) => {
          seen.push(request);
          return {
            position: at,
            slot: 9,
            version: 4,
            replaced: { version: 1, seq: 2 },
            slotTime: 5,
          } as never;
        },
      },
    });
    const call = foreign(server.port, schema, 'chaincluster.v1.KeyValue');
    const put = {
      key: Buffer.from([0x6b, 0xff]),
      value: Buffer.from('v'),
      conditions: [{ field: 'CONDITION_FIELD_EXISTS', operator: 'CONDITION_OPERATOR_EQ', value: '1' }],
    };
    expect((await call('put', put)).response).toEqual({
      position: { version: '3', seq: '9007199254740991' },
      slot: 9,
      version: '4',
      replaced: { version: '1', seq: '2' },
      slotTimeMs: '5',
    });
    expect(seen).toEqual([
      {
        key: 'k\xff',
        value: Buffer.from('v'),
        conditions: [{ field: 'exists', operator: 'eq', value: 1 }],
        id: null,
      },
    ]);
    const { response } = await call('get', { key: Buffer.from('k') });
    expect(response).toMatchObject({ object: null, slot: 9 });
  });

  test('means by each field what the schema means', async () => {
    const seen: unknown[] = [];
    const keep = (answer: unknown) => (request: unknown) => {
      seen.push(request);
      return answer as never;
    };
    const write = { position: at, slot: 9, version: 4, replaced: null, slotTime: 5 };
    const server = await serve({
      keyValue: {
        get: keep({
          object: { value: Buffer.from('v'), revision: 1, version: 2, created: 3, updated: 4 },
          slot: 5,
          token: { version: 6, seq: 7 },
          slotTime: 8,
        }),
        put: keep(write),
        delete: keep(write),
        add: keep({ write, value: -6n }),
      },
    });
    const call = foreign(server.port, schema, 'chaincluster.v1.KeyValue');
    const theirs = { client: '1', number: '2', floor: '3', slotTimeMs: '4', retry: true };
    const ours = { client: 1, number: 2, floor: 3, slotTime: 4, retry: true };
    const get = {
      key: Buffer.from('k'),
      level: 'READ_LEVEL_BOUNDED',
      boundMs: '5',
      token: { version: '6', seq: '7' },
    };
    expect((await call('get', get)).response).toEqual({
      object: { value: Buffer.from('v'), revision: '1', version: '2', createdMs: '3', updatedMs: '4' },
      slot: 5,
      token: { version: '6', seq: '7' },
      slotTimeMs: '8',
    });
    await call('put', { key: Buffer.from('k'), value: Buffer.from('v'), id: theirs });
    await call('delete', { key: Buffer.from('k'), id: theirs });
    const { response } = await call('add', { key: Buffer.from('k'), delta: '-5', id: theirs });
    expect(response).toMatchObject({ write: { slot: 9 }, value: '-6' });
    expect(seen).toEqual([
      { key: 'k', level: 'bounded', boundMs: 5, token: { version: 6, seq: 7 } },
      { key: 'k', value: Buffer.from('v'), conditions: [], id: ours },
      { key: 'k', conditions: [], id: ours },
      { key: 'k', delta: -5n, conditions: [], id: ours },
    ]);
  });

  test('answers about the cluster', async () => {
    const assignment: Assignment = { slot: 1, version: 2, members: [], joiner: null, drop: false } as never;
    const place = { address: 'a:1', grpc: 'a:2', admin: 'a:3', zone: 'z', host: 'h', weight: 0.5 };
    const stateOf = (health: string) => ({
      node: 'n0',
      store: 's',
      place,
      incarnation: 7,
      health,
      silentMs: 10,
      admitted: true,
      leaving: false,
      left: false,
      failed: '',
      why: 'it is held back',
    });
    const whole = {
      clusterId: 'c',
      epoch: 1,
      revision: 2,
      leader: 'c0',
      nodes: ['unknown', 'healthy', 'suspect', 'dead'].map(stateOf),
      chains: [{ assignment, serving: 2, desired: 3, why: 'n1 copies' }],
    } as unknown as StatusResponse;
    const routes = {
      clusterId: 'c',
      epoch: 1,
      revision: 2,
      slots: 64,
      chains: [assignment],
      times: [{ slot: 1, time: 9 }],
    } as never;
    const server = await serve({
      cluster: {
        topology: () => routes,
        status: () => whole,
        drain: ({ node, cancel }) => ({ chains: node === 'n0' ? 3 : 0, left: cancel }),
      },
    });
    const { call, close } = openChannel(`127.0.0.1:${server.port}`, clusterService);
    opened.push(close);
    const options = { deadlineMs: 10_000 };
    expect(await call.topology({}, options)).toEqual(routes);
    expect(await call.status({}, options)).toEqual(whole);
    expect(await call.drain({ node: 'n0' as never, cancel: true }, options)).toEqual({
      chains: 3,
      left: true,
    });
    const { response } = await foreign(server.port, schema, 'chaincluster.v1.Cluster')('status', {});
    expect(response).toMatchObject({
      leader: 'c0',
      nodes: [{ health: 'HEALTH_UNKNOWN', place }, {}, {}, { health: 'HEALTH_DEAD' }],
    });
  });

  test.each([
    ['an unknown word', { key: Buffer.from('k'), level: 77 }, /77 is none of strong/],
    ['a number that is too large', { boundMs: '9007199254740992' }, /2\^53 or more/],
  ])('refuses a request with %s before any handler sees it', async (_name, request, reason) => {
    const get = vi.fn(never);
    const server = await serve({ keyValue: { ...noKeyValue, get } });
    const { error } = await foreign(server.port, schema, 'chaincluster.v1.KeyValue')('get', request);
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringMatching(reason) });
    expect(get).not.toHaveBeenCalled();
  });

  test('refuses a message beyond its limit', async () => {
    const server = await serve();
    const call = foreign(server.port, schema, 'chaincluster.v1.KeyValue');
    const { error } = await call('put', { key: Buffer.from('k'), value: Buffer.alloc(2_097_153) });
    expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test('tells a handler when its caller went away, and bounds what a caller may ask for', async () => {
    const deadlines: number[] = [];
    const signals: AbortSignal[] = [];
    const server = await serve({
      keyValue: {
        ...noKeyValue,
        get: (_request, { deadlineMs, cancelled }) => {
          deadlines.push(deadlineMs);
          signals.push(cancelled);
          return new Promise(() => {});
        },
      },
    });
    const call = foreign(server.port, schema, 'chaincluster.v1.KeyValue');
    expect((await call('get', {}, 200)).error?.code).toBe(status.DEADLINE_EXCEEDED);
    await vi.waitFor(() => expect(signals[0]?.aborted).toBe(true));
    void call('get', {}, 600_000);
    void call('get', {}, Number.POSITIVE_INFINITY);
    await vi.waitFor(() => expect(deadlines.length).toBe(3));
    expect(deadlines.slice(1)).toEqual([60_000, 5000]);
  });

  test('says which port is in use and what to do', async () => {
    const { port } = await serve();
    await expect(serve({ port })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `port ${port} of 127.0.0.1 is already in use: stop the process that listens there, or choose another port`,
    });
  });

  test('lets running calls end, and no others begin', async () => {
    let finish = (): void => {};
    const server = await serve({
      keyValue: {
        ...noKeyValue,
        get: () =>
          new Promise((resolve) => {
            finish = () => resolve({ object: null, slot: 0 as never, token: at as never, slotTime: 0 });
          }),
      },
    });
    const call = keyValue(server.port);
    const get = { key: key('k'), level: 'strong', boundMs: 0, token: null } as const;
    const running = call.get(get, { deadlineMs: 10_000 });
    const begun = finish;
    await vi.waitFor(() => expect(finish).not.toBe(begun));
    const closed = server.close(10_000);
    finish();
    expect(await running).toMatchObject({ object: null });
    await closed;
    await expect(call.get(get, { deadlineMs: 300 })).rejects.toThrow(ChainError);
  });
});

describe('errors', () => {
  const details = {
    seen: { position: { version: 1, seq: 2 }, objectVersion: 3, at: { version: 2, seq: 9 } },
    route: { slot: 1, version: 2, members: [], joiner: null, drop: false },
    slotTime: 1_700_000_000_000,
  } as const;

  test('reach the caller with code, outcome, words and details', async () => {
    const failure = {
      code: 'CONDITION_FAILED',
      outcome: 'indefinite',
      message: 'it is not 5',
      ...details,
    } as never;
    const server = await serve({
      keyValue: {
        ...noKeyValue,
        get: () => {
          throw new DetailedError(failure);
        },
      },
    });
    const get = { key: key('k'), level: 'strong', boundMs: 0, token: null } as const;
    const error = await keyValue(server.port)
      .get(get, { deadlineMs: 10_000 })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DetailedError);
    expect(error).toMatchObject(failure);
    const { error: plain, trailers } = await foreign(
      server.port,
      schema,
      'chaincluster.v1.KeyValue',
    )('get', {});
    expect(plain).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'it is not 5' });
    expect(trailers.get('chain-error-code')).toEqual(['CONDITION_FAILED']);
    expect(trailers.get('chain-error-outcome')).toEqual(['indefinite']);
  });

  test.each(Object.keys(errorCodes) as ErrorCode[])('%s comes back as itself', (code) => {
    const error = fromServiceError(toServiceError(new ChainError(code, 'because')));
    expect([error.code, error.outcome, error.message]).toEqual([code, errorCodes[code], 'because']);
  });

  test('are never UNAVAILABLE, which clients repeat, when the write may have taken effect', () => {
    const indefinite = (Object.keys(errorCodes) as ErrorCode[]).filter(
      (code) => errorCodes[code] === 'indefinite',
    );
    expect(indefinite.length).toBeGreaterThan(0);
    for (const code of indefinite) expect(statusOf[code]).not.toBe(status.UNAVAILABLE);
  });

  test('of the way there may have taken effect', async () => {
    const server = await serve();
    const call = keyValue(server.port);
    await server.close(0);
    const put: PutRequest = { key: key('k'), value: Buffer.alloc(0), conditions: [], id: null };
    const error = await call.put(put, { deadlineMs: 1000 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ outcome: 'indefinite' });
  });

  test('that are bugs tell the log everything and the caller nothing', async () => {
    const log = vi.fn();
    const server = await serve({
      log,
      keyValue: {
        ...noKeyValue,
        get: () => {
          throw new TypeError('secret of the code');
        },
      },
    });
    const { error } = await foreign(server.port, schema, 'chaincluster.v1.KeyValue')('get', {});
    expect(error).toMatchObject({ code: status.INTERNAL, details: 'the server failed; its log says more' });
    expect(log).toHaveBeenCalledWith('error', 'grpc.failed', {
      path: 'chaincluster.v1.KeyValue/Get',
      why: expect.stringContaining('secret of the code'),
    });
  });

  test('that break an invariant stop the process', async () => {
    const server = await serve({
      keyValue: {
        ...noKeyValue,
        get: () => {
          throw new InvariantBroken('two tails');
        },
      },
    });
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const stopped = new Promise((resolve) => process.once('uncaughtException', resolve));
    await foreign(server.port, schema, 'chaincluster.v1.KeyValue')('get', {});
    expect(await stopped).toMatchObject({ message: 'two tails' });
    for (const listener of others) process.on('uncaughtException', listener);
  });
});

describe('by convention', () => {
  test('the health service says whether the server serves', async () => {
    const server = await serve();
    const call = foreign(server.port, healthProto, 'grpc.health.v1.Health');
    const of = async (service: string) => (await call('check', { service })).response?.status;
    expect(await of('chaincluster.v1.KeyValue')).toBe('NOT_SERVING');
    server.setServing(true);
    expect([await of('chaincluster.v1.KeyValue'), await of('')]).toEqual(['SERVING', 'SERVING']);
    expect(await of('chaincluster.v1.Cluster')).toBe(undefined);
  });

  test('reflection shows the services that are offered', async () => {
    const server = await serve();
    const require = createRequire(import.meta.url);
    const folder = join(
      dirname(require.resolve('@grpc/reflection/package.json')),
      'build/proto/grpc/reflection/v1',
    );
    const loaded = loadPackageDefinition(loadSync(join(folder, 'reflection.proto'), { oneofs: true }));
    const type = ['grpc', 'reflection', 'v1', 'ServerReflection'].reduce(
      (at, part) => at[part] as GrpcObject,
      loaded,
    );
    const client = new (type as unknown as ServiceClientConstructor)(
      `127.0.0.1:${server.port}`,
      credentials.createInsecure(),
    );
    opened.push(() => client.close());
    const stream = client.serverReflectionInfo?.();
    const answer = new Promise<{ listServicesResponse: { service: { name: string }[] } }>(
      (resolve, reject) => {
        stream.on('data', resolve);
        stream.on('error', reject);
      },
    );
    stream.write({ listServices: '' });
    expect((await answer).listServicesResponse.service.map(({ name }) => name)).toEqual([
      'chaincluster.v1.KeyValue',
    ]);
    stream.end();
  });
});
