import Fastify, { type FastifyInstance } from 'fastify';
import type { RuntimeMetrics } from './runtime/metrics.ts';

export interface Check {
  name: string;
  /** `undefined` when all is well, else what is not. */
  check: () => string | undefined;
}

export interface AdminOptions {
  /** Empty: all addresses, of both families where the machine has both. */
  host: string;
  /** 0 takes a free one. */
  port: number;
  metrics: RuntimeMetrics;
  /** Asked by /readyz. Liveness asks nothing: whoever answers has a running event loop. */
  readiness: readonly Check[];
  /** Called before each scrape, for gauges that are computed. */
  beforeScrape: () => void;
}

export interface AdminServer {
  port: number;
  close(): Promise<void>;
}

/**
 * /healthz and /livez (the event loop runs), /readyz (its checks hold; `?verbose` lists them) and /metrics, over plain
 * HTTP without secrets. @throws Error when the port is taken.
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { host, port, metrics, readiness, beforeScrape } = options;
  const server: FastifyInstance = Fastify({ logger: false, requestTimeout: 10_000 });
  for (const path of ['/healthz', '/livez']) server.get(path, () => 'ok\n');
  server.get('/readyz', (request, reply) => {
    const results = readiness.map(({ name, check }) => ({ name, problem: check() }));
    const ok = results.every(({ problem }) => problem === undefined);
    const verbose = 'verbose' in (request.query as object) || !ok;
    const lines = results.map(({ name, problem }) =>
      problem === undefined ? `[+] ${name} ok` : `[-] ${name} failed: ${problem}`,
    );
    return reply
      .code(ok ? 200 : 503)
      .type('text/plain')
      .send(verbose ? `${lines.join('\n')}\n${ok ? 'ok' : 'not ready'}\n` : 'ok\n');
  });
  server.get('/metrics', async (_, reply) => {
    beforeScrape();
    const text = await metrics.registry.metrics();
    return reply.type(metrics.registry.contentType).send(text);
  });
  await listen(server, host, port);
  const address = server.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return { port: bound, close: () => server.close() };
}

async function listen(server: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await server.listen({ host: host === '' ? '::' : host, port });
  } catch (error) {
    if (host !== '' || (error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT') throw error;
    await server.listen({ host: '0.0.0.0', port });
  }
}
