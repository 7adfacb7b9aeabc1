import { createServer, type Server } from 'node:net';

/**
 * Below the ports that systems give to outgoing connections (Linux: from 32,768 on): one of those could take a port that was
 * free, before the server that wants it has started.
 */
const lowest = 12_000;
const highest = 32_000;

/** So many ports of this machine that are free now, the `run` ports above each one too. */
export async function freePorts(count: number, run = 0): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const servers: Server[] = [];
    try {
      const first = lowest + Math.floor(Math.random() * (highest - lowest));
      for (let i = 0; i <= run; i++) servers.push(await listen(first + i));
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
