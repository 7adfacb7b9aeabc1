/** For tests of processes: a client that speaks over bare links, with the pure session and nothing of the client library. */
import { type Operation, Session, type Step } from '../protocol/client/session.ts';
import { readEntry } from '../protocol/entry.ts';
import type { Reply } from '../protocol/requests.ts';
import { type ClientId, key, type NodeName, noIncarnation } from '../protocol/words.ts';
import { connectLink, type Link } from '../transport/link.ts';

interface Asked {
  readonly address: string;
  readonly done: (reply: Reply | null) => void;
}

export class RawClient {
  readonly #session = new Session(Math.ceil(Math.random() * 2 ** 50) as ClientId, 0);
  readonly #links = new Map<string, Link>();
  readonly #asked = new Map<number, Asked>();
  #id = 0;
  #routes = 0;

  /** `addresses`: links of some nodes. */
  constructor(addresses: readonly string[]) {
    for (const address of addresses) this.#linkTo(address);
  }

  async put(name: string, value: string, deadlineMs = 10_000): Promise<Reply> {
    return this.#call({ op: 'put', key: key(name), value: Buffer.from(value), conditions: [] }, deadlineMs);
  }

  /** The value, or null when there is none. @throws Error for a failure. */
  async get(name: string, pinned: NodeName | null = null): Promise<string | null> {
    const reply = await this.#call(
      { op: 'get', key: key(name), level: 'strong', boundMs: 0 },
      10_000,
      pinned,
    );
    if (reply.kind !== 'read') throw new Error(`get ${name}: ${JSON.stringify(reply)}`);
    if (reply.entry === null) return null;
    const entry = readEntry(reply.entry);
    if (entry === null || entry.key !== name) throw new Error(`get ${name} answered another entry`);
    return Buffer.from(entry.value).toString();
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
  }

  async #call(operation: Operation, deadlineMs: number, pinned: NodeName | null = null): Promise<Reply> {
    const until = performance.now() + deadlineMs;
    while (!this.#session.knowsRoutes) await this.#refresh();
    const call = this.#session.begin(operation, until, pinned);
    let step: Step = this.#session.next(call, performance.now());
    for (;;) {
      if (step.kind === 'done') return step.reply;
      if (step.kind === 'wait') {
        if (step.refresh) await this.#refresh();
        await new Promise((resolve) => setTimeout(resolve, step.kind === 'wait' ? step.ms : 0));
        step = this.#session.next(call, performance.now());
        continue;
      }
      const { address, request, timeoutMs } = step;
      const link = this.#linkTo(address);
      if (!link.up) {
        step = this.#session.onLost(call, false);
        continue;
      }
      const reply = await new Promise<Reply | null>((resolve) => {
        this.#id++;
        const id = this.#id;
        const impatience = setTimeout(() => this.#asked.get(id)?.done(null), timeoutMs);
        const done = (answer: Reply | null): void => {
          clearTimeout(impatience);
          this.#asked.delete(id);
          resolve(answer);
        };
        this.#asked.set(id, { address, done });
        link.send({ kind: 'ask', id, request });
      });
      step = reply === null ? this.#session.onLost(call, true) : this.#session.onReply(call, reply);
    }
  }

  /** Resolves when some node told its routes, or after a moment. */
  async #refresh(): Promise<void> {
    const before = this.#routes;
    for (const link of this.#links.values()) if (link.up) link.send({ kind: 'askRoutes' });
    for (let i = 0; i < 50 && this.#routes === before; i++)
      await new Promise((resolve) => setTimeout(resolve, 2));
  }

  #linkTo(address: string): Link {
    const known = this.#links.get(address);
    if (known !== undefined) return known;
    const link = connectLink({
      address,
      self: { clusterId: '', name: '', role: 'client', incarnation: noIncarnation },
      onUp: () => {},
      onDown: () => {
        for (const asked of [...this.#asked.values()]) if (asked.address === address) asked.done(null);
      },
      onMessages: (_, messages) => {
        for (const message of messages)
          if (message.kind === 'answer') this.#asked.get(message.id)?.done(message.reply);
          else if (message.kind === 'routes') {
            this.#session.learn(message.routes);
            this.#routes++;
          }
      },
    });
    this.#links.set(address, link);
    return link;
  }
}
