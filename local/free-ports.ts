/** Looks whether ports can be listened on, before any process is started. */
import { createServer } from 'node:net';
import { type Layout, localHost } from './layout.ts';
import { LocalError } from './local-error.ts';

/** @throws LocalError naming the first port that is in use, what it is for and which setting changes it. */
export async function checkPorts({ nodes, coordinators, manifest }: Layout): Promise<void> {
  for (const { name, ports } of [...nodes, ...coordinators])
    for (const [use, port] of [
      ['links', ports.link],
      ['gRPC', ports.grpc],
      ['admin', ports.admin],
    ] as const) {
      const problem = await problemWith(port);
      if (problem === null) continue;
      throw new LocalError(
        `port ${port}, which ${name} needs for ${use}, ${problem}; ` +
          `stop what uses it, or set another spec.local.basePort in ${manifest}`,
      );
    }
}

function problemWith(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${error.message})`),
    );
    server.listen({ host: localHost, port }, () => server.close(() => resolve(null)));
  });
}
