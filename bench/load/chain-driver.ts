/**
 * Drives this store over its links, as the client library does, without a promise and a result object for each call:
 * the session decides, one callback ends a call. Every read is verified by the head's checksum, as the library does.
 */
import { randomInt } from 'node:crypto';
import { type NodeLink, NodeLinks } from '../../client/node-links.ts';
import { type Call, type Operation, Session, type Step } from '../../protocol/client/session.ts';
import { type Entry, readEntry } from '../../protocol/entry.ts';
import type { Answer } from '../../protocol/messages.ts';
import { failure } from '../../protocol/replies.ts';
import type { Reply, Request } from '../../protocol/requests.ts';
import type { ClientId, Incarnation, Key, NodeName } from '../../protocol/words.ts';
import type { Done, Driver } from './driver.ts';

interface Flight {
  readonly call: Call;
  readonly done: Done;
  /** Where it was sent; null while it waits. */
  link: NodeLink | null;
  /** The request that waits for a link's first attempt to connect. */
  unsent: Request | null;
  /** When to do something about it, ms. */
  due: number;
}

/** How often flights are looked at for their time. */
const tickMs = 10;
const callMs = 5000;

export class ChainDriver implements Driver {
  readonly #session = new Session(randomInt(1, 2 ** 48 - 1) as ClientId, randomInt(1_000_003));
  readonly #links: NodeLinks;
  readonly #flights = new Map<number, Flight>();
  #lastId = 0;
  readonly #clock: NodeJS.Timeout;

  private constructor(endpoints: readonly string[]) {
    this.#links = new NodeLinks({
      endpoints,
      self: { clusterId: '', name: '', role: 'client', incarnation: 0 as Incarnation },
      onAnswer: (answer) => this.#onAnswer(answer),
      onRoutes: (routes) => {
        this.#session.learn(routes);
        this.#links.keep(this.#session.members());
      },
      onUp: (link) => this.#onUp(link),
      onDown: (link) => this.#onDown(link),
    });
    this.#clock = setInterval(() => this.#tick(), tickMs);
  }

  /** Resolves when routes are known. */
  static async connect(endpoints: readonly string[], timeoutMs: number): Promise<ChainDriver> {
    const driver = new ChainDriver(endpoints);
    for (const until = now() + timeoutMs; !driver.#session.knowsRoutes; ) {
      if (now() > until) {
        driver.close();
        throw new Error(`none of ${endpoints.join(', ')} told where the chains are within ${timeoutMs} ms`);
      }
      driver.#links.refresh(now());
      await new Promise((resolve) => setTimeout(resolve, tickMs));
    }
    return driver;
  }

  start(operation: Operation, done: Done, pinned: NodeName | null): void {
    const call = this.#session.begin(operation, now() + callMs, pinned);
    this.#run({ call, done, link: null, unsent: null, due: 0 }, this.#session.next(call, now()));
  }

  tailOf(key: Key): NodeName | null {
    return this.#session.route(this.#session.slotOf(key))?.members.at(-1)?.node ?? null;
  }

  close(): void {
    clearInterval(this.#clock);
    this.#links.close();
  }

  #run(flight: Flight, step: Step): void {
    switch (step.kind) {
      case 'send':
        return this.#send(flight, step);
      case 'wait':
        if (step.refresh) this.#links.refresh(now());
        flight.link = null;
        flight.due = now() + step.ms;
        this.#flights.set(++this.#lastId, flight);
        return;
      case 'done':
        return finish(flight.done, step.reply, null);
      default:
        step satisfies never;
    }
  }

  #send(flight: Flight, step: Extract<Step, { kind: 'send' }>): void {
    const direct = this.#links.to(step.to, step.address);
    const usable = direct !== null && direct.state !== 'down';
    const link = usable || flight.call.pinned !== null ? direct : this.#links.any();
    if (link === null || link.state === 'down')
      return this.#run(flight, this.#session.onLost(flight.call, false));
    flight.link = link;
    flight.due = now() + step.timeoutMs;
    this.#flights.set(++this.#lastId, flight);
    if (link.state === 'new') flight.unsent = step.request;
    else this.#put(this.#lastId, flight, link, step.request);
  }

  #put(id: number, flight: Flight, link: NodeLink, request: Request): void {
    if (link.link.send({ kind: 'ask', id, request }) !== 'dropped') return;
    this.#flights.delete(id);
    this.#run(flight, this.#session.onLost(flight.call, false));
  }

  #onAnswer({ id, reply }: Answer): void {
    const flight = this.#flights.get(id);
    if (flight === undefined || flight.link === null) return;
    this.#flights.delete(id);
    let entry: Entry | null = null;
    let verified = reply;
    if (reply.kind === 'read' && reply.entry !== null) {
      entry = readEntry(reply.entry);
      if (entry?.key !== flight.call.operation.key)
        verified = failure('CORRUPT', `the answer of ${flight.link.name} does not fit its checksum or key`);
    }
    const step = this.#session.onReply(flight.call, verified);
    if (step.kind === 'done') finish(flight.done, step.reply, entry);
    else if (step.kind === 'wait' && step.ms === 0) this.#run(flight, this.#session.next(flight.call, now()));
    else this.#run(flight, step);
  }

  #onUp(link: NodeLink): void {
    for (const [id, flight] of this.#flights) {
      if (flight.link !== link || flight.unsent === null) continue;
      const request = flight.unsent;
      flight.unsent = null;
      this.#put(id, flight, link, request);
    }
  }

  #onDown(link: NodeLink): void {
    for (const [id, flight] of [...this.#flights]) if (flight.link === link) this.#lose(id, flight);
  }

  #lose(id: number, flight: Flight): void {
    this.#flights.delete(id);
    this.#run(flight, this.#session.onLost(flight.call, flight.unsent === null));
  }

  #tick(): void {
    const time = now();
    this.#links.tick(time);
    for (const [id, flight] of this.#flights) {
      if (time < flight.due) continue;
      if (flight.link !== null) this.#lose(id, flight);
      else {
        this.#flights.delete(id);
        this.#run(flight, this.#session.next(flight.call, time));
      }
    }
  }
}

function finish(done: Done, reply: Reply, entry: Entry | null): void {
  if (reply.kind === 'failed') done(reply.code, reply.seen?.position?.seq ?? 0, -1);
  else if (reply.kind === 'written') done(null, reply.position.seq, -1);
  else done(null, entry?.seq ?? 0, entry?.value.length ?? -1);
}

/** Whole milliseconds: what is sent as time left has no fractions. */
const now = (): number => Math.trunc(performance.now());
