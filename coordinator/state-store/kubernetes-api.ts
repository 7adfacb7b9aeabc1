/**
 * The few requests that a coordinator makes to the Kubernetes API, over one kept connection. The client library of
 * Kubernetes would cost every coordinator about 90 MB of memory for four paths, so this speaks HTTP itself.
 */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import { StartError } from '../../process/endings.ts';

export interface KubernetesApi {
  /** @throws ApiError for every answer outside 2xx; any other error when there was no answer in time. */
  send(request: ApiRequest): Promise<unknown>;
  close(): void;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
}

export interface Place {
  readonly server: string;
  /** Asked before each request; it must be cheap. */
  readonly credentials: () => Promise<Credentials>;
}

export interface Credentials {
  /** '' = none. */
  readonly token: string;
  /** PEM; '' = the system's. */
  readonly ca: string;
}

/** The API server's answer. Below 500 it says that nothing was done. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** `timeoutMs` bounds a request from its start to the end of its answer. */
export function openApi({ server, credentials }: Place, timeoutMs: number): KubernetesApi {
  const base = new URL(server);
  const secure = base.protocol === 'https:';
  let held: { ca: string; agent: HttpAgent } | undefined;

  const agentFor = (ca: string): HttpAgent => {
    if (held?.ca !== ca) {
      held?.agent.destroy();
      const agent = secure
        ? new HttpsAgent({ keepAlive: true, maxSockets: 4, ...(ca !== '' && { ca }) })
        : new HttpAgent({ keepAlive: true, maxSockets: 4 });
      held = { ca, agent };
    }
    return held.agent;
  };

  return {
    async send(request) {
      const { token, ca } = await credentials();
      const body = request.body === undefined ? undefined : JSON.stringify(request.body);
      const options: RequestOptions = {
        method: request.method,
        hostname: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port,
        path: `${base.pathname.replace(/\/$/, '')}${request.path}`,
        agent: agentFor(ca),
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          accept: 'application/json',
          ...(token !== '' && { authorization: `Bearer ${token}` }),
          ...(body !== undefined && {
            'content-type': request.contentType ?? 'application/json',
            'content-length': Buffer.byteLength(body),
          }),
        },
      };
      const what = `${request.method} ${request.path}`;
      try {
        const { status, text } = await exchange(secure, options, body);
        if (status >= 200 && status < 300) return JSON.parse(text);
        throw new ApiError(status, `${what}: ${status} ${messageOf(text)}`.trim());
      } catch (error) {
        if (error instanceof ApiError) throw error;
        throw new Error(
          `${what}: no answer from the API server within ${timeoutMs} ms (${(error as Error).message})`,
          {
            cause: error,
          },
        );
      }
    },
    close() {
      held?.agent.destroy();
      held = undefined;
    },
  };
}

/** Where a pod finds the API server and what proves who it is. @throws StartError outside a pod. */
export function placeOfPod(env: Readonly<Record<string, string | undefined>>, folder = accountFolder): Place {
  const host = env.KUBERNETES_SERVICE_HOST;
  if (host === undefined || host === '')
    throw new StartError(
      'stateStore.kind is kubernetes, but this process runs in no pod (KUBERNETES_SERVICE_HOST is not set); use kind disk outside Kubernetes',
    );
  const port = env.KUBERNETES_SERVICE_PORT ?? '443';
  let last: { credentials: Credentials; readAt: number } | undefined;
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    // Kubernetes renews the token in place about once an hour.
    async credentials() {
      if (last === undefined || performance.now() - last.readAt > credentialsMaxAgeMs) {
        const [token, ca] = await Promise.all(
          ['token', 'ca.crt'].map((name) => readFile(`${folder}/${name}`, 'utf8')),
        );
        last = { credentials: { token: (token ?? '').trim(), ca: ca ?? '' }, readAt: performance.now() };
      }
      return last.credentials;
    },
  };
}

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
const credentialsMaxAgeMs = 10_000;
/** Far above any object that is read here. */
const answerBytesMax = 16 * 1_048_576;

function exchange(secure: boolean, options: RequestOptions, body: string | undefined) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const send = secure ? httpsRequest : httpRequest;
  const outgoing = send(options, (response) => {
    readAll(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
  });
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    parts.push(part as Buffer);
    bytes += (part as Buffer).length;
    if (bytes > answerBytesMax) throw new Error(`the answer is larger than ${answerBytesMax} bytes`);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The sentence of a Kubernetes Status, or what a proxy in between said. */
function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? '';
  } catch {
    return text.slice(0, 200);
  }
}
