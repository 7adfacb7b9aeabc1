/**
 * The links of one client: one to each node that it asks, kept open, and those to the endpoints that it was given. A
 * link connects again by itself; here is known which ones are up, and which nodes are behind them.
 */
import { ChainError } from '../protocol/errors.ts';
import type { Answer, Listed } from '../protocol/messages.ts';
import type { Routes } from '../protocol/requests.ts';
import type { NodeName } from '../protocol/words.ts';
import type { Self } from '../transport/connection.ts';
import { connectLink, type Link } from '../transport/link.ts';

export interface NodeLinksOptions {
  /** `host:port` of nodes or coordinators from which routes are learned first. */
  readonly endpoints: readonly string[];
  /** Its cluster id is filled in by the first peer that says one: no other cluster is then believed. */
  readonly self: { -readonly [K in keyof Self]: Self[K] };
  readonly onAnswer: (answer: Answer) => void;
  readonly onListed?: (page: Listed) => void;
  readonly onRoutes: (routes: Routes) => void;
  /** `link` can be asked. */
  readonly onUp: (link: NodeLink) => void;
  /** `link` was lost with all that was on its way, or the first attempt to connect failed. */
  readonly onDown: (link: NodeLink) => void;
}

export interface NodeLink {
  readonly address: string;
  /** `new`: connecting for the first time, so it is worth waiting for. */
  state: 'new' | 'up' | 'down';
  /** Who answered; '' until then. */
  name: string;
  /** Coordinators tell routes and answer no requests. */
  answersRequests: boolean;
  /** Why it is down, the last time that it was. */
  why: ChainError | null;
  readonly link: Link;
}

/** Routes are asked for at most so often. */
const refreshMsMin = 50;

export class NodeLinks {
  readonly #options: NodeLinksOptions;
  readonly #byAddress = new Map<string, NodeLink>();
  #turn = 0;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #refreshDue = false;

  constructor(options: NodeLinksOptions) {
    this.#options = options;
    for (const address of options.endpoints) this.#open(address);
  }

  get all(): Iterable<NodeLink> {
    return this.#byAddress.values();
  }

  /** The link to a node; opened when there is none. Null when nobody said where the node is. */
  to(node: NodeName, address: string): NodeLink | null {
    const known = this.#byAddress.get(address);
    if (known?.state === 'up' && known.name === node) return known;
    // An endpoint may lead to the same node by another name or through a forwarded port.
    for (const link of this.#byAddress.values()) if (link.state === 'up' && link.name === node) return link;
    return known ?? (address === '' ? null : this.#open(address));
  }

  /** Some link that can be asked, each in turn; null when none can. */
  any(): NodeLink | null {
    const able = [...this.#byAddress.values()].filter((each) => each.state === 'up' && each.answersRequests);
    this.#turn++;
    return able[this.#turn % able.length] ?? null;
  }

  /** Asks for routes, soon and not too often. */
  refresh(now: number): void {
    this.#refreshDue = true;
    this.tick(now);
  }

  tick(now: number): void {
    if (!this.#refreshDue || now - this.#refreshedAt < refreshMsMin) return;
    const up = [...this.#byAddress.values()].filter((each) => each.state === 'up');
    const link = up[++this.#turn % up.length];
    if (link === undefined) return;
    this.#refreshedAt = now;
    this.#refreshDue = false;
    link.link.send({ kind: 'askRoutes' });
  }

  /** Closes links that lead to no member any more; endpoints stay, and members are called when they are asked. */
  keep(members: ReadonlySet<string>): void {
    if (members.size === 0) return;
    const wanted = new Set([...this.#options.endpoints, ...members]);
    for (const link of this.#byAddress.values()) if (!wanted.has(link.address)) this.#close(link);
  }

  close(): void {
    for (const { link } of this.#byAddress.values()) link.close();
    this.#byAddress.clear();
  }

  #close(link: NodeLink): void {
    this.#byAddress.delete(link.address);
    link.link.close();
    link.state = 'down';
    this.#options.onDown(link);
  }

  #refuse(made: NodeLink, its: string): void {
    const what = `${made.address} belongs to cluster ${its}, and this client to ${this.#options.self.clusterId}`;
    made.state = 'down';
    made.why = new ChainError('WRONG_CLUSTER', `${what}; check the address`);
    this.#options.onDown(made);
  }

  #open(address: string): NodeLink {
    const { self } = this.#options;
    const made: NodeLink = {
      address,
      state: 'new',
      name: '',
      answersRequests: false,
      why: null,
      link: connectLink({
        address,
        self,
        onUp: (peer) => {
          if (self.clusterId === '') self.clusterId = peer.clusterId;
          // Dialed before the first one said whose it is.
          if (peer.clusterId !== '' && peer.clusterId !== self.clusterId)
            return this.#refuse(made, peer.clusterId);
          made.state = 'up';
          made.name = peer.name;
          made.answersRequests = peer.role === 'node';
          made.link.send({ kind: 'askRoutes' });
          this.#options.onUp(made);
        },
        onDown: (why) => {
          made.state = 'down';
          made.why = why;
          this.#options.onDown(made);
        },
        onMessages: (_incarnation, messages) => {
          if (made.state !== 'up') return;
          for (const message of messages) {
            if (message.kind === 'answer') this.#options.onAnswer(message);
            else if (message.kind === 'listed') this.#options.onListed?.(message);
            else if (message.kind === 'routes') this.#options.onRoutes(message.routes);
          }
        },
      }),
    };
    this.#byAddress.set(address, made);
    return made;
  }
}
