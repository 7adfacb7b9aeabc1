/** The admin servers of coordinators that are not there: /state, at an address for each pod. */
import { createServer, type Server } from 'node:http';
import type { Pod } from '../../operator/objects/kinds.ts';
import { ports } from '../../operator/objects/names.ts';
import { type Addresses, identityOf } from './kubelet.ts';

/**
 * The operator asks every coordinator at the same port, so each needs an address of its own: on Linux all of
 * 127.0.0.0/8 is this machine. Pods that are no coordinators are asked nothing and get an address of documentation.
 */
export class CoordinatorAddresses implements Addresses {
  readonly #servers = new Map<string, Server>();
  readonly #stateOf: (pod: Pod) => unknown;
  /** A start by chance: another program may do the same at this moment. */
  #next = 2 ** 16 + Math.floor(Math.random() * 2 ** 23);

  /** `stateOf`: what this coordinator says. */
  constructor(stateOf: (pod: Pod) => unknown) {
    this.#stateOf = stateOf;
  }

  async take(pod: Pod): Promise<string> {
    if (pod.metadata.labels?.['app.kubernetes.io/component'] !== 'coordinator') return '192.0.2.2';
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(this.#stateOf(pod)));
    });
    for (;;) {
      const address = loopback(this.#next++);
      if (!(await listens(server, address))) continue;
      this.#servers.set(identityOf(pod), server);
      return address;
    }
  }

  giveBack(pod: Pod): void {
    const server = this.#servers.get(identityOf(pod));
    this.#servers.delete(identityOf(pod));
    server?.close();
    server?.closeAllConnections();
  }

  close(): void {
    for (const server of this.#servers.values()) {
      server.close();
      server.closeAllConnections();
    }
    this.#servers.clear();
  }
}

/** `127.a.b.c` of the number's three lowest bytes. */
function loopback(number: number): string {
  return [127, (number >> 16) & 255, (number >> 8) & 255, number & 255].join('.');
}

/** False when the address cannot be had; another one may. @throws Error when no address of this machine can. */
function listens(server: Server, address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EINVAL') resolve(false);
      else reject(error);
    });
    server.listen(ports.coordinator.admin, address, () => resolve(true));
  });
}
