/** A node for the client's tests: a real link server that answers as a test tells it to, and keeps what it was asked. */
import { type Entry, makeEntry } from '../protocol/entry.ts';
import type { Answer, Ask, List, Listed } from '../protocol/messages.ts';
import type { Reply, Request, Routes } from '../protocol/requests.ts';
import {
  type Assignment,
  chainVersion,
  clientId,
  epoch,
  type Incarnation,
  type Key,
  nodeName,
  origin,
  requestNumber,
  seq,
  slot,
} from '../protocol/words.ts';
import { type LinkServer, type Peer, startLinkServer } from '../transport/server.ts';

/** `null`: no answer. */
export type Behaviour = (request: Request, node: FakeNode) => Reply | null;

export interface FakeNode {
  readonly name: string;
  readonly port: number;
  readonly address: string;
  readonly asked: Request[];
  /** How many asks each received batch held. */
  readonly batches: number[];
  behave: Behaviour;
  list: (asked: List) => Listed | Answer;
  routes: Routes;
  /** Connections that are open, clients only. */
  readonly peers: Set<Peer>;
  stop(): Promise<void>;
}

export async function startFakeNode(
  name: string,
  { port = 0, clusterId = 'cluster-a' }: { port?: number; clusterId?: string } = {},
): Promise<FakeNode> {
  const peers = new Set<Peer>();
  const node = { name, asked: [] as Request[], batches: [] as number[], behave: memory(), peers };
  const server: LinkServer = await startLinkServer({
    port,
    host: '127.0.0.1',
    self: { clusterId, name, role: 'node', incarnation: 1 as Incarnation },
    onConnection(peer) {
      peers.add(peer);
      return {
        onMessages(_incarnation, messages) {
          const asks = messages.filter((m): m is Ask => m.kind === 'ask');
          if (asks.length > 0) node.batches.push(asks.length);
          for (const m of asks) {
            node.asked.push(m.request);
            const reply = node.behave(m.request, fake);
            if (reply !== null) peer.send({ kind: 'answer', id: m.id, reply });
          }
          for (const m of messages) if (m.kind === 'list') peer.send(fake.list(m));
          if (messages.some((m) => m.kind === 'askRoutes'))
            peer.send({ kind: 'routes', routes: fake.routes });
        },
        onClose: () => peers.delete(peer),
      };
    },
  });
  const fake: FakeNode = Object.assign(node, {
    port: server.port,
    address: `127.0.0.1:${server.port}`,
    routes: routesOver([]),
    list: ({ id }: List): Listed => ({ kind: 'listed', id, values: [], damaged: [], next: null, at: origin }),
    stop: async () => {
      for (const peer of peers) peer.close('the test stops this node');
      await server.close();
    },
  });
  return fake;
}

/** One slot whose chain is these nodes, in this order. */
export function routesOver(nodes: readonly FakeNode[], version = 1): Routes {
  return {
    clusterId: 'cluster-a',
    epoch: epoch(1),
    revision: version,
    slots: 1,
    chains: nodes.length === 0 ? [] : [chainOf(nodes, version)],
    times: [{ slot: slot(0), time: 1 }],
  };
}

export function chainOf(nodes: readonly FakeNode[], version = 1): Assignment {
  const members = nodes.map(({ name, address }) => ({
    node: nodeName(name),
    incarnation: 1 as Incarnation,
    address,
  }));
  return { slot: slot(0), version: chainVersion(version), members, joiner: null, drop: false };
}

/** A whole store in memory, without conditions: puts, adds, deletes and reads of one slot. */
export function memory(values = new Map<Key, Entry>()): Behaviour {
  let last = 0;
  return (q) => {
    const before = values.get(q.key);
    if (q.op === 'get') return { kind: 'read', entry: before?.bytes ?? null, at: origin, slotTime: 1 };
    last++;
    const sum = q.op === 'add' ? BigInt(Buffer.from(before?.value ?? []).toString() || 0) + q.delta : 0n;
    const value = q.op === 'add' ? Buffer.from(String(sum)) : Buffer.from(q.value);
    const entry = entryOf(q.key, value, last, (before?.objectVersion ?? 0) + 1);
    if (q.op === 'delete') values.delete(q.key);
    else values.set(q.key, entry);
    return {
      kind: 'written',
      position: { version: entry.version, seq: entry.seq },
      objectVersion: entry.objectVersion,
      replaced: before === undefined ? null : { version: before.version, seq: before.seq },
      value: q.op === 'add' ? value : new Uint8Array(0),
      slotTime: 1,
    };
  };
}

export function entryOf(key: Key, value: Uint8Array, at = 1, objectVersion = 1): Entry {
  return makeEntry({
    kind: 'put',
    slot: slot(0),
    version: chainVersion(1),
    versionBefore: chainVersion(at === 1 ? 0 : 1),
    seq: seq(at),
    stamp: 1_700_000_000_000 + at,
    client: clientId(1),
    number: requestNumber(at),
    floor: requestNumber(at),
    objectVersion,
    created: 1_700_000_000_000,
    replaced: origin,
    refusal: null,
    key,
    value,
  });
}
