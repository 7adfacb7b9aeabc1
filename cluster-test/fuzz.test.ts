/** Whatever arrives at a port: malformed, cut off, huge, or well formed and senseless. Every process lives, others are served. */
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { protocolVersion } from '../protocol/messages.ts';
import { processBudgets } from '../transport/budgets.ts';
import { TestCluster } from './cluster.fixture.ts';
import { RawClient } from './raw-client.ts';

const root = protobuf.loadSync(join(import.meta.dirname, '../proto/chaincluster.proto'));
const frameType = root.lookupType('chaincluster.v1.Frame');
const messageType = root.lookupType('chaincluster.v1.Message');
const kinds = messageType.fieldsArray.map((f) => f.name);
const roles = { node: 1, coordinator: 2, client: 3 };

/** A linear congruential generator: the same draws at every run. */
function createRandom(seed: number) {
  let state = seed * 2_654_435_761;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const int = (below: number): number => Math.floor(next() * below);
  return {
    int,
    chance: (share: number): boolean => next() < share,
    pick: <T>(from: readonly T[]): T => from[int(from.length)] as T,
  };
}
type Random = ReturnType<typeof createRandom>;

let cluster: TestCluster;
let client: RawClient;
let writing = true;
let written = 0;
let writer: Promise<void>;
const failures: unknown[] = [];

beforeAll(async () => {
  cluster = await TestCluster.make({ nodes: 2, replicationFactor: 2 });
  await cluster.startCoordinator('c1');
  for (const name of ['n1', 'n2']) await cluster.startNode(name);
  await cluster.full();
  client = new RawClient(cluster.addresses);
  writer = (async () => {
    while (writing) {
      const reply = await client.put(`k${written % 50}`, `v${written}`);
      if (reply.kind !== 'written') failures.push(reply);
      written++;
    }
  })();
});
afterAll(async () => {
  client.close();
  await cluster.end();
});

/** A value for any field of the schema; large, small, odd. */
function anyValue(random: Random, field: protobuf.Field, depth: number): unknown {
  const type = field.resolve().resolvedType;
  if (type instanceof protobuf.Enum) return random.pick([...Object.values(type.values), 77]);
  if (type !== null) return objectOf(random, type, depth + 1);
  const bytes = (n: number): Buffer => Buffer.from(Array.from({ length: n }, () => random.int(256)));
  switch (field.type) {
    case 'bytes':
      return random.pick([bytes(0), bytes(1), bytes(90), Buffer.alloc(1025, 107), Buffer.alloc(70_000)]);
    case 'string':
      return random.pick(['', 'n1', 'n2', 'c1', 'test', '127.0.0.1:1', '\0', '__proto__', 'x'.repeat(400)]);
    case 'bool':
      return random.chance(0.5);
    case 'double':
      return random.pick([0, -1, Number.NaN, Number.POSITIVE_INFINITY]);
    case 'uint32':
      return random.pick([0, 1, 2, 3, 4095, 4096, 2 ** 32 - 1]);
    default:
      return random.pick([0, 1, 2, 3, 1000, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1]);
  }
}

function objectOf(random: Random, type: protobuf.Type, depth = 0): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  const chosen = new Map(type.oneofsArray.map((o) => [o, random.pick(o.fieldsArray)]));
  for (const field of type.fieldsArray) {
    const one = field.partOf;
    if (one !== null && one.fieldsArray.length > 1 && chosen.get(one) !== field) continue;
    if (depth > 4 || random.chance(0.15)) continue;
    made[field.name] = field.repeated
      ? Array.from({ length: random.int(4) }, () => anyValue(random, field, depth))
      : anyValue(random, field, depth);
  }
  return made;
}

function framed(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const frameOf = (messages: object[], incarnation: number): Buffer =>
  framed(frameType.encode(frameType.fromObject({ incarnation, messages })).finish());

function senseless(random: Random): Buffer {
  const kind = random.pick(kinds);
  const type = messageType.fields[kind]?.resolve().resolvedType as protobuf.Type;
  return frameOf([{ [kind]: objectOf(random, type) }], random.pick([0, 1, 77, 2 ** 40]));
}

/** Changes some bytes, or ends early, or announces more than comes. */
function damaged(random: Random, frame: Buffer): Buffer {
  const bytes = Buffer.from(frame);
  if (random.chance(0.2)) return bytes.subarray(0, random.int(bytes.length));
  if (random.chance(0.1)) bytes.writeUInt32LE(random.pick([0, 1, 2_000_000, 8_388_609, 2 ** 32 - 1]));
  for (let i = random.int(6); i >= 0 && bytes.length > 4; i--)
    bytes[4 + random.int(bytes.length - 4)] = random.int(256);
  return bytes;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return socket;
}

async function attack(random: Random, port: number, role: number): Promise<void> {
  const socket = await open(port);
  const name = role === roles.client ? '' : random.pick(['stranger', 'stranger 2']);
  const hello = {
    protocol: protocolVersion,
    clusterId: '',
    name,
    role,
    incarnation: random.pick([0, 1, 77]),
  };
  if (random.chance(0.9)) socket.write(frameOf([{ hello }], 0));
  await new Promise((resolve) => setTimeout(resolve, 2));
  for (let i = random.int(6); i >= 0 && !socket.closed; i--) {
    const frame = senseless(random);
    socket.write(random.chance(0.4) ? damaged(random, frame) : frame);
  }
  await new Promise((resolve) => setTimeout(resolve, 2));
  socket.destroy();
}

const livesOn = async (): Promise<void> => {
  const before = written;
  await expect.poll(() => written, { timeout: 15_000 }).toBeGreaterThan(before + 5);
  expect(failures).toEqual([]);
  for (const node of cluster.nodes.values()) expect(node.host.stopped).toBe(false);
  await expect
    .poll(() => cluster.view(), { timeout: 15_000 })
    .toMatchObject({ leading: true, trouble: null });
};

test.each(Object.entries(roles))('links of a storage node, from a %s', async (_, role) => {
  const random = createRandom(role);
  const port = cluster.nodes.get('n1')?.ports.link as number;
  for (let i = 0; i < 250; i++) await attack(random, port, role);
  await livesOn();
});

test.each(Object.entries(roles))('links of a coordinator, from a %s', async (_, role) => {
  const random = createRandom(100 + role);
  const port = cluster.coordinators.get('c1')?.ports.link as number;
  for (let i = 0; i < 150; i++) await attack(random, port, role);
  await livesOn();
});

test('gRPC: bodies that are no messages, or senseless ones', async () => {
  const random = createRandom(7);
  const requests = { Get: 'GetRequest', Put: 'PutRequest', Delete: 'DeleteRequest', Add: 'AddRequest' };
  const http2 = connectHttp2(`http://127.0.0.1:${cluster.nodes.get('n1')?.ports.grpc}`);
  http2.on('error', () => {});
  const call = (method: string, body: Buffer): Promise<string> =>
    new Promise((resolve) => {
      const stream = http2.request({
        ':method': 'POST',
        ':path': `/chaincluster.v1.KeyValue/${method}`,
        'content-type': 'application/grpc',
        'grpc-timeout': '2S',
        te: 'trailers',
      });
      let status = '';
      stream.on('response', (headers) => (status = String(headers['grpc-status'] ?? '')));
      stream.on('trailers', (headers) => (status = String(headers['grpc-status'] ?? '')));
      stream.on('error', () => {});
      stream.on('close', () => resolve(status));
      stream.resume();
      stream.end(body);
    });
  const envelope = (bytes: Buffer): Buffer => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(bytes.length, 1);
    return Buffer.concat([head, bytes]);
  };
  const calls: Promise<string>[] = [];
  for (let i = 0; i < 300; i++) {
    const [method, type] = random.pick(Object.entries(requests)) as [string, string];
    const schema = root.lookupType(`chaincluster.v1.${type}`);
    const bytes = Buffer.from(schema.encode(schema.fromObject(objectOf(random, schema))).finish());
    calls.push(call(method, random.chance(0.5) ? damaged(random, envelope(bytes)) : envelope(bytes)));
  }
  // Every one ends, by an answer or by the end of its stream.
  const ended = await Promise.all(calls);
  expect(ended).toHaveLength(300);
  http2.destroy();
  await livesOn();
});

test('nothing is kept of it', async () => {
  writing = false;
  await writer;
  client.close();
  const partial = () => processBudgets.client.partial.used + processBudgets.peer.partial.used;
  await expect.poll(partial, { timeout: 10_000 }).toBe(0);
  await expect.poll(() => processBudgets.client.out.used, { timeout: 10_000 }).toBe(0);
  expect(cluster.logged.filter((l) => l.event === 'core.contained')).toEqual([]);
});
