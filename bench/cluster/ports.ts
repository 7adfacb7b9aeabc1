import { createServer, type Server } from 'node:net';

/** So many ports of this machine that are free now, the `run` ports above each one too. */
export async function freePorts(count: number, run = 0): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const servers: Server[] = [];
    try {
      servers.push(await listen(0));
      const first = portOf(servers[0] as Server);
      for (let i = 1; i <= run; i++) servers.push(await listen(first + i));
      if (found.every((port) => Math.abs(port - first) > run)) found.push(first);
    } catch {
      // One of the run is taken: look elsewhere.
    }
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
  }
  return found;
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

const portOf = (server: Server): number => (server.address() as { port: number }).port;
