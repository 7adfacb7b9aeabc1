/**
 * The gRPC front of a storage node: any node takes any request. Callers that number their writes are held to it; for the
 * others this node writes in a session of its own, in which a stuck call holds up no other one, and repeats what may be
 * repeated until their deadline.
 */

import { type Call, type Operation, Session, type Step } from '../protocol/client/session.ts';
import { readEntry } from '../protocol/entry.ts';
import { ChainError } from '../protocol/errors.ts';
import type { Failure, ReadReply, Reply, Request, WriteReply, WriteRequest } from '../protocol/requests.ts';
import { slotOf } from '../protocol/slots.ts';
import type { ChainVersion, Key, Slot } from '../protocol/words.ts';
import type { CallContext, Handlers } from '../transport/grpc.ts';
import type {
  GetResponse,
  KeyValueMethods,
  RequestId,
  StoredObject,
  WriteResponse,
} from '../transport/grpc-api.ts';
import { DetailedError } from '../transport/grpc-errors.ts';
import type { NodeHost } from './host.ts';

/** @throws what `host` throws: NOT_READY while the node begins or ends. */
export function keyValueHandlers(host: () => NodeHost): Handlers<KeyValueMethods> {
  const front = new Front(host);
  return {
    async get({ key, level, boundMs, token }, call) {
      const node = host();
      const request: Request = { op: 'get', key, level, boundMs, token, ...common(call) };
      const reply = expect('read', await ask(node, request));
      const slot = slotOf(key, node.config.slots);
      return {
        object: objectOf(reply, key),
        slot,
        token: reply.at,
        slotTime: reply.slotTime,
      } satisfies GetResponse;
    },
    async put({ key, value, conditions, id }, call) {
      return front.write({ op: 'put', key, value, conditions }, id, call).then(written);
    },
    async delete({ key, conditions, id }, call) {
      return front.write({ op: 'delete', key, conditions }, id, call).then(written);
    },
    async add({ key, delta, conditions, id }, call) {
      const done = await front.write({ op: 'add', key, delta, conditions }, id, call);
      return { write: written(done), value: BigInt(Buffer.from(done.reply.value).toString('latin1')) };
    },
  };
}

type Write = Exclude<Operation, { op: 'get' }>;

interface Written {
  readonly slot: Slot;
  readonly reply: WriteReply;
}

/** Writes for callers without a session of their own. */
class Front {
  readonly #host: () => NodeHost;
  #session: Session | null = null;

  constructor(host: () => NodeHost) {
    this.#host = host;
  }

  async write(operation: Write, id: RequestId | null, call: CallContext): Promise<Written> {
    const node = this.#host();
    const slot = slotOf(operation.key, node.config.slots);
    const reply =
      id === null
        ? await this.#writeNumbered(node, operation, call)
        : await ask(node, withId(operation, id, call));
    return { slot, reply: expect('written', reply) };
  }

  async #writeNumbered(node: NodeHost, operation: Write, call: CallContext): Promise<Reply> {
    const session = this.#sessionOf(node);
    if (!session.hasRoom(session.slotOf(operation.key)))
      throw new ChainError(
        'OVERLOADED',
        'too many writes of callers without a session wait for this slot; ask again later',
      );
    const began = session.begin(operation, performance.now() + call.deadlineMs);
    return this.#drive(node, session, began);
  }

  async #drive(node: NodeHost, session: Session, call: Call): Promise<Reply> {
    let step: Step = session.next(call, performance.now());
    for (;;) {
      if (step.kind === 'done') return step.reply;
      if (step.kind === 'send') {
        // Whoever can answer is found by the node itself.
        step = session.onReply(call, await ask(node, { ...step.request, passOn: true }));
        continue;
      }
      await new Promise((resolve) => setTimeout(resolve, step.kind === 'wait' ? step.ms : 0));
      session.learn(node.routes);
      step = session.next(call, performance.now());
    }
  }

  #sessionOf(node: NodeHost): Session {
    this.#session ??= new Session(node.config.ownClient, 0);
    this.#session.learn(node.routes);
    return this.#session;
  }
}

const common = (call: CallContext) => ({
  version: 0 as ChainVersion,
  passOn: true,
  deadlineMs: call.deadlineMs,
});

function withId(operation: Write, id: RequestId, call: CallContext): WriteRequest {
  return {
    ...common(call),
    ...id,
    op: operation.op,
    key: operation.key,
    conditions: operation.conditions,
    value: operation.op === 'put' ? operation.value : new Uint8Array(0),
    delta: operation.op === 'add' ? operation.delta : 0n,
  };
}

function ask(node: NodeHost, request: Request): Promise<Reply> {
  return new Promise((answer) => node.request({ answer }, request));
}

/** @throws DetailedError for a failure */
function expect<K extends 'read' | 'written'>(kind: K, reply: Reply): Extract<Reply, { kind: K }> {
  if (reply.kind === 'failed') throw new DetailedError(reply satisfies Failure);
  if (reply.kind !== kind) throw new ChainError('INTERNAL', `a ${kind} reply was due, not ${reply.kind}`);
  return reply as Extract<Reply, { kind: K }>;
}

function objectOf(reply: ReadReply, key: Key): StoredObject | null {
  if (reply.entry === null) return null;
  const entry = readEntry(reply.entry);
  if (entry === null || entry.key !== key)
    throw new ChainError('CORRUPT', 'the stored value is damaged or of another key; ask another node');
  const { value, seq, objectVersion, created, stamp } = entry;
  return { value, revision: seq, version: objectVersion, created, updated: stamp };
}

const written = ({ slot, reply }: Written): WriteResponse => ({
  position: reply.position,
  slot,
  version: reply.objectVersion,
  replaced: reply.replaced,
  slotTime: reply.slotTime,
});
