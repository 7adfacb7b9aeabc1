/**
 * A process that answers like a storage node and does nothing else: every read from a table in memory, every write at
 * once. What is measured against it is the price of links, codec and client, without replication and disk.
 */
import { makeEntry } from '../../protocol/entry.ts';
import type { Message } from '../../protocol/messages.ts';
import type { Reply, Request, Routes } from '../../protocol/requests.ts';
import {
  type Assignment,
  chainVersion,
  clientId,
  epoch,
  incarnation,
  key,
  nodeName,
  origin,
  requestNumber,
  revision,
  seq,
  slot,
} from '../../protocol/words.ts';
import { startLinkServer } from '../../transport/server.ts';
import { keyOf } from '../workload/keys.ts';

const [keys, valueBytes] = process.argv.slice(2).map(Number) as [number, number];
const at = { version: chainVersion(1), seq: seq(1) };
const self = {
  clusterId: 'echo',
  name: 'echo',
  role: 'node',
  incarnation: incarnation(epoch(1), 1),
} as const;
const entries = new Map(Array.from({ length: keys }, (_, i) => [keyOf(i), entryOf(keyOf(i))]));

const server = await startLinkServer({
  port: 0,
  host: '127.0.0.1',
  self,
  onConnection: (peer) => ({
    onMessages(_incarnation, messages) {
      for (const message of messages) answer(message, (reply) => peer.send(reply));
    },
    onClose: () => {},
  }),
});
const routes = routesTo(`127.0.0.1:${server.port}`);
process.send?.({ port: server.port });
process.on('disconnect', () => process.exit(0));

function answer(message: Message, send: (reply: Message) => void): void {
  if (message.kind === 'ask') send({ kind: 'answer', id: message.id, reply: replyTo(message.request) });
  else if (message.kind === 'askRoutes') send({ kind: 'routes', routes });
}

function replyTo(request: Request): Reply {
  if (request.op === 'get') return { kind: 'read', entry: entries.get(request.key) ?? null, at, slotTime: 1 };
  return {
    kind: 'written',
    position: at,
    objectVersion: 1,
    replaced: null,
    value: new Uint8Array(0),
    slotTime: 1,
  };
}

function entryOf(name: string): Uint8Array {
  return makeEntry({
    kind: 'put',
    slot: slot(0),
    version: at.version,
    versionBefore: origin.version,
    seq: at.seq,
    stamp: 1,
    client: clientId(1),
    number: requestNumber(1),
    floor: requestNumber(1),
    objectVersion: 1,
    created: 1,
    replaced: origin,
    refusal: null,
    key: key(name),
    value: new Uint8Array(valueBytes),
  }).bytes;
}

function routesTo(address: string): Routes {
  const member = { node: nodeName('echo'), incarnation: self.incarnation, address };
  const chain: Assignment = {
    slot: slot(0),
    version: at.version,
    members: [member],
    joiner: null,
    drop: false,
  };
  return {
    clusterId: 'echo',
    epoch: epoch(1),
    revision: revision(1),
    slots: 1,
    chains: [chain],
    times: [],
  };
}
