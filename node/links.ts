/**
 * The links of a storage node to its peers.
 *
 * What the core may count on: `link up` of a peer means that what is sent to it from now on arrives in order, or the link
 * is told as down. What the peer sends comes over the link that the peer opened, so losing that one loses messages too:
 * then the core is told `down` and `up` at once, which answers what was passed to that peer and shakes hands anew. A peer
 * that this node has no address of (it is in no chain) is answered over the link that it opened.
 */

import type { Message, PeerMessage } from '../protocol/messages.ts';
import type { Peers } from '../protocol/node/contract.ts';
import type { Incarnation, NodeName } from '../protocol/words.ts';
import type { Self } from '../transport/connection.ts';
import { connectLink, type Link } from '../transport/link.ts';
import type { Log } from '../transport/log.ts';
import type { Peer } from '../transport/server.ts';

export interface PeerLinksOptions {
  readonly self: Self;
  readonly log: Log;
  readonly onLink: (peer: NodeName, up: boolean) => void;
  readonly onMessages: (peer: NodeName, incarnation: Incarnation, messages: readonly Message[]) => void;
}

export class PeerLinks {
  readonly #options: PeerLinksOptions;
  readonly #dialed = new Map<NodeName, Link>();
  readonly #accepted = new Map<NodeName, Set<Peer>>();
  #closed = false;

  constructor(options: PeerLinksOptions) {
    this.#options = options;
  }

  /** Opens links to who is new or has moved. */
  follow(peers: Peers): void {
    if (this.#closed) return;
    for (const [name, { address }] of peers) {
      const link = this.#dialed.get(name);
      if (link?.address === address) continue;
      if (link !== undefined) {
        const wasUp = link.up;
        link.close();
        if (wasUp) this.#options.onLink(name, false);
      }
      this.#dialed.set(name, this.#dial(name, address));
    }
  }

  /** Messages to a peer without a link are lost, which the protocol bears. */
  send(to: NodeName, messages: readonly PeerMessage[]): void {
    const link = this.#dialed.get(to);
    if (link?.up === true) {
      for (const message of messages) link.send(message);
      return;
    }
    const accepted = last(this.#accepted.get(to));
    if (accepted === undefined) return;
    for (const message of messages) accepted.send(message);
  }

  /** A peer connected to this node. Returns what to call when that connection is closed. */
  accept(peer: Peer): () => void {
    const name = peer.name as NodeName;
    const open = this.#accepted.get(name) ?? new Set();
    this.#accepted.set(name, open.add(peer));
    // What it sent over an older connection may be lost; saying `up` again begins anew with what it has.
    if (this.#isUp(name)) this.#options.onLink(name, true);
    return () => {
      open.delete(peer);
      if (open.size > 0) return;
      if (this.#accepted.get(name) === open) this.#accepted.delete(name);
      if (!this.#isUp(name)) return;
      this.#options.onLink(name, false);
      this.#options.onLink(name, true);
    };
  }

  /** Links that should be open, and those that are. */
  get counts(): { readonly wanted: number; readonly up: number } {
    let up = 0;
    for (const link of this.#dialed.values()) if (link.up) up++;
    return { wanted: this.#dialed.size, up };
  }

  /** Sends what is queued. */
  close(): void {
    this.#closed = true;
    for (const link of this.#dialed.values()) link.close();
  }

  #isUp(name: NodeName): boolean {
    return this.#dialed.get(name)?.up === true;
  }

  #dial(name: NodeName, address: string): Link {
    const { self, log, onLink, onMessages } = this.#options;
    return connectLink({
      address,
      self,
      expected: name,
      log,
      onUp: () => onLink(name, true),
      onDown: () => onLink(name, false),
      onMessages: (incarnation, messages) => onMessages(name, incarnation, messages),
    });
  }
}

/** The newest connection: older ones may be dead without anybody having noticed. */
function last<T>(items: ReadonlySet<T> | undefined): T | undefined {
  let found: T | undefined;
  for (const item of items ?? []) found = item;
  return found;
}
