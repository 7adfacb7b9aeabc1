/** gRPC servers: the services of the schema for every other language, with health, reflection and limits. */
import { join } from 'node:path';
import {
  ServerCredentials as Credentials,
  type handleUnaryCall,
  logVerbosity,
  Server,
  type ServerCredentials,
  type ServerOptions,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Codec } from '../proto/fields.ts';
import { MalformedBytes, Reader } from '../proto/reader.ts';
import { Writer } from '../proto/writer.ts';
import { ChainError, InvariantBroken } from '../protocol/errors.ts';
import { limits } from '../protocol/limits.ts';
import {
  type ClusterMethods,
  clusterService,
  type KeyValueMethods,
  keyValueService,
  type Method,
  type RequestOf,
  type ResponseOf,
  type Service,
} from './grpc-api.ts';
import { toServiceError } from './grpc-errors.ts';
import { transportLimits } from './limits.ts';
import { type Log, noLog } from './log.ts';
import { listenError } from './socket.ts';

export interface CallContext {
  /** Time that the caller still waits, in ms. */
  readonly deadlineMs: number;
  /** Aborted when the caller went away. */
  readonly cancelled: AbortSignal;
  /** `host:port` of the caller. */
  readonly remote: string;
}

/** One function for each method; it fails by throwing a ChainError (a DetailedError to say more). */
export type Handlers<Methods> = {
  readonly [M in keyof Methods]: (
    request: RequestOf<Methods[M]>,
    call: CallContext,
  ) => Promise<ResponseOf<Methods[M]>> | ResponseOf<Methods[M]>;
};

export interface GrpcServerOptions {
  /** 0: one that is free. */
  readonly port: number;
  /** @default '0.0.0.0' */
  readonly host?: string;
  readonly keyValue?: Handlers<KeyValueMethods>;
  readonly cluster?: Handlers<ClusterMethods>;
  /** @default without TLS */
  readonly credentials?: ServerCredentials;
  readonly log?: Log;
}

export interface GrpcServer {
  readonly port: number;
  /** What the health service says of every service. False at first. */
  setServing(serving: boolean): void;
  /** Takes no new calls, waits up to `graceMs` for running ones, then ends them. */
  close(graceMs?: number): Promise<void>;
}

const deadlineMsDefault = 5000;

const serverOptions: ServerOptions = {
  'grpc.max_receive_message_length': transportLimits.grpcMessageBytes,
  'grpc.max_send_message_length': limits.frameBytes,
  'grpc.max_concurrent_streams': transportLimits.grpcStreams,
  'grpc.max_connection_idle_ms': 300_000,
  'grpc.max_connection_age_ms': 1_800_000,
  'grpc.max_connection_age_grace_ms': 60_000,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Megabytes that one connection may make this process keep.
  'grpc-node.max_session_memory': transportLimits.grpcSessionMiB,
};

/** Listens for gRPC. @throws ChainError UNAVAILABLE with what to do, when the port cannot be listened on. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const log = options.log ?? noLog;
  // grpc-js writes to stderr what it also returns.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server(serverOptions);
  const names: string[] = [];
  if (options.keyValue !== undefined) names.push(offer(server, keyValueService, options.keyValue, log));
  if (options.cluster !== undefined) names.push(offer(server, clusterService, options.cluster, log));
  const health = new HealthImplementation();
  const setServing = (serving: boolean): void => {
    for (const name of ['', ...names]) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  };
  setServing(false);
  health.addToServer(server);
  new ReflectionService(schema(), { services: names }).addToServer(server);
  const port = await bind(server, options);
  return { port, setServing, close: (graceMs = 5000) => shutDown(server, graceMs) };
}

function schema(): PackageDefinition {
  return loadSync(join(import.meta.dirname, '../proto/chaincluster.proto'), {
    keepCase: false,
    longs: String,
  });
}

type AnyMethods = Readonly<Record<string, Method<never, never>>>;

/** Returns the name of the service. */
function offer<Methods>(
  server: Server,
  service: Service<Methods>,
  handlers: Handlers<Methods>,
  log: Log,
): string {
  const implementation: UntypedServiceImplementation = {};
  for (const [key, method] of Object.entries(service.methods as AnyMethods)) {
    const handler = handlers[key as keyof Methods] as Handler;
    implementation[method.name] = unary(`${service.name}/${method.name}`, handler.bind(handlers), log);
  }
  server.addService(definitionOf(service), implementation);
  return service.name;
}

/** The service as grpc-js wants it, with this project's codecs: numbers are checked, keys and bytes are what they are inside. */
export function definitionOf<Methods>(service: Service<Methods>): ServiceDefinition {
  const definition: Record<string, ServiceDefinition[string]> = {};
  for (const { name, request, response } of Object.values(service.methods as AnyMethods)) {
    definition[name] = {
      path: `/${service.name}/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value) => serialize(request, value as never),
      requestDeserialize: (bytes) => parse(request, bytes),
      responseSerialize: (value) => serialize(response, value as never),
      responseDeserialize: (bytes) => parse(response, bytes),
      originalName: name,
    };
  }
  return definition;
}

function serialize<T>(codec: Codec<T>, value: T): Buffer {
  const w = new Writer(256);
  codec.write(w, value);
  return w.bytes.subarray(0, w.at);
}

/** A refusal is a value here: grpc-js would report an error of a deserializer as its own. */
export type Parsed<T> = { readonly value: T } | { readonly refusal: ChainError };

function parse<T>(codec: Codec<T>, bytes: Buffer): Parsed<T> {
  try {
    return { value: codec.read(new Reader(bytes)) };
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    const what = `${codec.name}: ${error.message}, at byte ${error.at}`;
    return { refusal: new ChainError('BAD_REQUEST', `${what}; see proto/chaincluster.proto`) };
  }
}

type Handler = (request: unknown, call: CallContext) => Promise<unknown> | unknown;

function unary(path: string, handler: Handler, log: Log): handleUnaryCall<Parsed<unknown>, unknown> {
  return (call, callback) => {
    // A caller that left before its turn (rapid resets do) causes no work.
    if (call.cancelled) return;
    const aborter = new AbortController();
    call.on('cancelled', () => aborter.abort());
    const run = async (): Promise<unknown> => {
      if ('refusal' in call.request) throw call.request.refusal;
      const deadlineMs = timeLeft(call.getDeadline());
      return handler(call.request.value, { deadlineMs, cancelled: aborter.signal, remote: call.getPeer() });
    };
    run().then(
      (response) => callback(null, response),
      (error: unknown) => {
        callback(toServiceError(error));
        if (!(error instanceof ChainError)) logBug(path, error, log);
      },
    );
  };
}

/** @throws ChainError DEADLINE_PAST */
function timeLeft(deadline: Date | number): number {
  const left = Number(deadline) - Date.now();
  if (left <= 0)
    throw new ChainError('DEADLINE_PAST', 'the deadline was over when the call arrived; allow it more time');
  return Number.isFinite(left) ? Math.min(left, transportLimits.grpcDeadlineMs) : deadlineMsDefault;
}

/** A broken invariant stops the process, wherever it shows. */
function logBug(path: string, error: unknown, log: Log): void {
  log('error', 'grpc.failed', {
    path,
    why: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  if (!(error instanceof InvariantBroken)) return;
  setImmediate(() => {
    throw error;
  });
}

function bind(server: Server, { host = '0.0.0.0', port, credentials }: GrpcServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    server.bindAsync(where, credentials ?? Credentials.createInsecure(), (error, bound) => {
      if (error === null) return resolve(bound);
      // grpc-js has the system's code in its text only.
      const code = /\bE[A-Z]{3,}\b/.exec(error.message)?.[0];
      reject(listenError(Object.assign(error, code === undefined ? {} : { code }), host, port));
    });
  });
}

function shutDown(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const impatience = setTimeout(() => server.forceShutdown(), graceMs);
    server.tryShutdown(() => {
      clearTimeout(impatience);
      resolve();
    });
  });
}
