/**
 * The admin server of a process: /livez (the event loop turns), /readyz, /metrics and /state over plain HTTP. It holds
 * no secrets, keys or values.
 */
import fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { listenError } from '../transport/socket.ts';

export interface AdminOptions {
  readonly host: string;
  /** 0: one that is free. */
  readonly port: number;
  readonly registry: Registry;
  /** '' = alive; else what is wrong: the process should be started anew. */
  readonly live: () => string;
  /** '' = ready; else what it waits for. */
  readonly ready: () => string;
  /** What /state shows, as JSON. */
  readonly state: () => unknown;
  /** More routes. */
  readonly extend?: (server: FastifyInstance) => void;
}

export interface AdminServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens. @throws ChainError UNAVAILABLE with what to do, when the port cannot be listened on. */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { host, port, registry, live, ready, state } = options;
  const server = fastify({
    logger: false,
    requestTimeout: 10_000,
    bodyLimit: 65_536,
    forceCloseConnections: true,
  });
  for (const [path, check] of [
    ['/livez', live],
    ['/readyz', ready],
  ] as const)
    server.get(path, (_, reply) => {
      const problem = check();
      return reply
        .code(problem === '' ? 200 : 503)
        .type('text/plain')
        .send(problem === '' ? 'ok\n' : `${problem}\n`);
    });
  server.get('/state', (_, reply) => reply.type('application/json').send(JSON.stringify(state(), null, 1)));
  server.get('/metrics', async (_, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  options.extend?.(server);
  try {
    await server.listen({ host, port });
  } catch (error) {
    throw listenError(error as NodeJS.ErrnoException, host, port);
  }
  const address = server.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () => server.close(),
  };
}
