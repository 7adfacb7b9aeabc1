import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import { ApiError } from './api-error.ts';
import type { KubeAccess } from './kube-access.ts';
import type { RuntimeMetrics } from './metrics.ts';

export interface KubeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  /** Default `application/json`. */
  contentType?: string;
  /** Longest wait for the whole answer (`send`) or for its beginning (`lines`); default 15 s. */
  timeoutMs?: number;
  stop?: AbortSignal;
}

/** One way to the API server: requests that end, and watches that go on. */
export interface Connection {
  /** @throws ApiError for any answer outside 2xx, and with code 0 when there was no answer. */
  send(request: KubeRequest): Promise<unknown>;
  /** The lines of a watch, until the server ends it or `stop` is aborted. @throws ApiError as `send`. */
  lines(request: KubeRequest): AsyncIterable<string>;
}

const defaultTimeoutMs = 15_000;
/** Certificates and tokens on disk are read again this often, so that rotation needs no restart. */
const credentialsMaxAgeMs = 10_000;

/**
 * Speaks HTTP itself and takes only addresses and credentials from the Kubernetes client library: its watch drops
 * unparsable lines and in-stream errors without a word, and its request path opens new connections for every call.
 */
export function connect(access: KubeAccess, metrics?: RuntimeMetrics): Connection {
  const cluster = access.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig names no current cluster');
  const base = new URL(cluster.server);
  const credentials = new Credentials(access);

  async function open(request: KubeRequest): Promise<IncomingMessage> {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const options = await credentials.options(base, request, body);
    const response = await exchange(base, options, body, request);
    metrics?.requests.inc({ code: String(response.statusCode), method: request.method, host: base.host });
    if (response.statusCode === 401) credentials.forget();
    return response;
  }

  return {
    async send(request) {
      const limit = AbortSignal.timeout(request.timeoutMs ?? defaultTimeoutMs);
      const stop = request.stop === undefined ? limit : AbortSignal.any([limit, request.stop]);
      const response = await open({ ...request, stop });
      const text = await readAll(response, request);
      if (!isSuccess(response)) throw errorFrom(response, text, request);
      return text === '' ? undefined : JSON.parse(text);
    },
    async *lines(request) {
      const limit = new AbortController();
      const timer = setTimeout(() => limit.abort(), request.timeoutMs ?? defaultTimeoutMs);
      const stop = request.stop === undefined ? limit.signal : AbortSignal.any([limit.signal, request.stop]);
      try {
        const response = await open({ ...request, stop });
        if (!isSuccess(response)) throw errorFrom(response, await readAll(response, request), request);
        clearTimeout(timer); // the wait for the beginning is over; silence after it is the caller's to judge
        yield* linesOf(response, request);
      } finally {
        clearTimeout(timer);
        limit.abort(); // a caller that leaves the loop early closes the connection
      }
    },
  };
}

async function* linesOf(response: IncomingMessage, request: KubeRequest): AsyncIterable<string> {
  // A break after the reader has left is no news, but an error that nobody listens to would end the process.
  response.on('error', () => undefined);
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const part of response) {
      const lines = (rest + decoder.decode(part as Buffer, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield line;
    }
  } catch (error) {
    if (request.stop?.aborted !== true) throw noAnswer(request, error);
    return;
  }
  if (rest !== '') yield rest;
}

function exchange(base: URL, options: RequestOptions, body: string | undefined, request: KubeRequest) {
  const send = base.protocol === 'http:' ? httpRequest : httpsRequest;
  return new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = send(options, resolve);
    outgoing.on('error', (error) => reject(noAnswer(request, error)));
    outgoing.end(body);
  });
}

async function readAll(response: IncomingMessage, request: KubeRequest): Promise<string> {
  const parts: Buffer[] = [];
  try {
    for await (const part of response) parts.push(part as Buffer);
  } catch (error) {
    throw noAnswer(request, error);
  }
  return Buffer.concat(parts).toString('utf8');
}

function isSuccess(response: IncomingMessage): boolean {
  const code = response.statusCode ?? 0;
  return code >= 200 && code < 300;
}

function errorFrom(response: IncomingMessage, text: string, request: KubeRequest): ApiError {
  const status = parseStatus(text);
  const seconds = Number(response.headers['retry-after']);
  return new ApiError({
    code: response.statusCode ?? 0,
    reason: status.reason ?? 'Unknown',
    message: `${request.method} ${request.path}: ${response.statusCode} ${status.message ?? ''}`.trim(),
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined,
  });
}

function parseStatus(text: string): { reason?: string; message?: string } {
  try {
    const value = JSON.parse(text) as { kind?: string; reason?: string; message?: string };
    return value.kind === 'Status' ? value : {};
  } catch {
    return {}; // a proxy in between answered in its own words; the code says enough
  }
}

function noAnswer(request: KubeRequest, cause: unknown): ApiError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ApiError({
    code: 0,
    reason: 'NoAnswer',
    message: `${request.method} ${request.path}: no answer from the API server (${why})`,
    cause,
  });
}

/** Keeps one keep-alive agent for as long as the certificates stay the same. */
class Credentials {
  readonly #access: KubeAccess;
  #held: { options: RequestOptions; readAt: number } | undefined;
  #agent: { identity: string; agent: HttpAgent } | undefined;

  constructor(access: KubeAccess) {
    this.#access = access;
  }

  forget(): void {
    this.#held = undefined;
  }

  async options(base: URL, request: KubeRequest, body: string | undefined): Promise<RequestOptions> {
    const held = await this.#read();
    const query = new URLSearchParams(request.query).toString();
    const headers: Record<string, unknown> = { ...(held.headers as object), accept: 'application/json' };
    if (body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
      // Node frames the body of a DELETE only when told its length.
      headers['content-length'] = Buffer.byteLength(body);
    }
    return {
      ...held,
      headers: headers as NonNullable<RequestOptions['headers']>,
      agent: this.#agentFor(base, held),
      method: request.method,
      hostname: base.hostname,
      port: base.port,
      path: `${base.pathname.replace(/\/$/, '')}${request.path}${query === '' ? '' : `?${query}`}`,
      ...(request.stop === undefined ? {} : { signal: request.stop }),
    };
  }

  async #read(): Promise<RequestOptions> {
    const now = performance.now();
    if (this.#held !== undefined && now - this.#held.readAt < credentialsMaxAgeMs) return this.#held.options;
    const options: RequestOptions = {};
    await this.#access.applyToHTTPSOptions(options);
    this.#held = { options, readAt: now };
    return options;
  }

  #agentFor(base: URL, options: RequestOptions): HttpAgent {
    const behindProxy = this.#access.getCurrentCluster()?.proxyUrl !== undefined;
    if (behindProxy) return options.agent as HttpAgent; // only the library knows how to speak to the proxy
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const identity = [ca, cert, key, rejectUnauthorized, servername].map(String).join('\n');
    if (this.#agent?.identity === identity) return this.#agent.agent;
    const tls = Object.fromEntries(
      Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(([, v]) => v !== undefined),
    );
    const agent =
      base.protocol === 'http:'
        ? new HttpAgent({ keepAlive: true })
        : new HttpsAgent({ keepAlive: true, ...tls });
    this.#agent = { identity, agent };
    return agent;
  }
}
