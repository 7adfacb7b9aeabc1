/** Who waits for the replies of a storage node. */
import type { Reply, Request } from '../protocol/requests.ts';
import type { Peer } from '../transport/server.ts';

/** Who waits for a reply. */
export interface Caller {
  answer(reply: Reply): void;
}

/** A request that the core works on. */
export class Waiting {
  readonly caller: Caller;
  readonly op: Request['op'];
  readonly since: number;

  constructor(caller: Caller, op: Request['op'], since: number) {
    this.caller = caller;
    this.op = op;
    this.since = since;
  }
}

/** A connection that may ask. */
export class ClientConnection {
  readonly peer: Peer;
  waiting = 0;

  constructor(peer: Peer) {
    this.peer = peer;
  }
}

/** Answers over the connection that asked. */
export class LinkCaller implements Caller {
  readonly #client: ClientConnection;
  readonly #id: number;

  constructor(client: ClientConnection, id: number) {
    this.#client = client;
    this.#id = id;
    client.waiting++;
  }

  answer(reply: Reply): void {
    this.#client.waiting--;
    this.#client.peer.send({ kind: 'answer', id: this.#id, reply });
  }
}
