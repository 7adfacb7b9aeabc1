import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Writer } from '../proto/writer.ts';
import type { ChainError } from '../protocol/errors.ts';
import { limits } from '../protocol/limits.ts';
import { type Hello, type Message, protocolVersion } from '../protocol/messages.ts';
import { chainVersion, type Incarnation, type Key, origin, slot } from '../protocol/words.ts';
import { makeBudgets } from './budgets.ts';
import type { Self } from './connection.ts';
import { transportLimits } from './limits.ts';
import { connectLink, type Link, type LinkOptions } from './link.ts';
import { type LinkServer, type LinkServerOptions, type Peer, startLinkServer } from './server.ts';
import { listen } from './socket.ts';
import { encodeFrame } from './wire.ts';

type Own = { -readonly [K in keyof Self]: Self[K] };
const self = (name: string, role: Self['role'] = 'node'): Own => ({
  clusterId: 'cluster-a',
  name,
  role,
  incarnation: 5 as Incarnation,
});
const query = (round: number): Message => ({
  kind: 'tailQuery',
  slot: slot(1),
  version: chainVersion(1),
  round,
});
const chunk = (bytes: number): Message => ({
  kind: 'copyChunk',
  slot: slot(1),
  version: chainVersion(1),
  after: null,
  next: null,
  at: { version: chainVersion(0), seq: 0 as never },
  values: [Buffer.alloc(bytes, 7)],
  damaged: [],
});
const broken = (bytes: number): Message => ({
  kind: 'broken',
  slot: slot(1),
  version: chainVersion(1),
  session: 1,
  why: 'w'.repeat(bytes),
});
const append: Extract<Message, { kind: 'append' }> = {
  kind: 'append',
  slot: slot(1),
  version: chainVersion(1),
  session: 1,
  entries: [],
  end: origin,
  durable: origin,
  commit: origin,
};
const roundsOf = (messages: readonly Message[]): number[] =>
  messages.flatMap((m) => (m.kind === 'tailQuery' ? [m.round] : []));
const until = (what: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(what()).toBe(true), { timeout: 15_000, interval: 5 });
const turns = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A server that keeps what happens to it. */
async function serve(options: Partial<LinkServerOptions> = {}) {
  const seen = {
    peers: [] as Peer[],
    frames: [] as (readonly Message[])[],
    incarnations: [] as number[],
    closed: [] as ChainError[],
    log: [] as [string, Readonly<Record<string, unknown>>][],
    relieved: 0,
    onMessage: (_peer: Peer, _message: Message): void => {},
  };
  const server = await startLinkServer({
    port: 0,
    host: '127.0.0.1',
    self: self('server'),
    onConnection(peer) {
      seen.peers.push(peer);
      return {
        onMessages(incarnation, messages) {
          seen.frames.push(messages);
          seen.incarnations.push(incarnation);
          for (const message of messages) seen.onMessage(peer, message);
        },
        onClose: (why) => seen.closed.push(why),
        onRelief: () => seen.relieved++,
      };
    },
    log: (_level, name, fields) => seen.log.push([name, fields]),
    ...options,
  });
  opened.push(() => server.close());
  return { server, seen, messages: () => seen.frames.flat() };
}

/** A link that keeps what happens to it. */
function dial(to: LinkServer | number, options: Partial<LinkOptions> = {}) {
  const seen = { ups: [] as Hello[], downs: [] as ChainError[], messages: [] as Message[], relieved: 0 };
  const link: Link = connectLink({
    address: `127.0.0.1:${typeof to === 'number' ? to : to.port}`,
    self: self('dialer'),
    onUp: (peer) => seen.ups.push(peer),
    onDown: (why) => seen.downs.push(why),
    onMessages: (_incarnation, messages) => seen.messages.push(...messages),
    onRelief: () => seen.relieved++,
    ...options,
  });
  opened.push(() => link.close());
  return { link, seen };
}

/** A client that said Hello and reads nothing. */
async function silentClient(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  const hello: Hello = { kind: 'hello', protocol: protocolVersion, ...self('', 'client') };
  const frame = new Writer();
  encodeFrame([hello], 0 as Incarnation, frame);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(frame.at);
  socket.write(Buffer.concat([length, frame.bytes.subarray(0, frame.at)]));
  socket.pause();
  return socket;
}

/** Stands between a link and its server; what passes can be stopped without closing anything. */
async function proxyTo(port: number) {
  const state = { swallow: false, hold: false, sockets: [] as Socket[], fromLink: [] as Buffer[] };
  const server: Server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    state.sockets.push(near, far);
    near.on('data', (bytes: Buffer) => {
      state.fromLink.push(bytes);
      if (!state.swallow) far.write(bytes);
    });
    far.on('data', (bytes) => state.swallow || near.write(bytes));
    for (const [a, b] of [
      [near, far],
      [far, near],
    ] as const) {
      a.on('error', () => {});
      a.on('close', () => b.destroy());
    }
  });
  const proxyPort = await listen(server, '127.0.0.1', 0);
  opened.push(() => {
    for (const socket of state.sockets) socket.destroy();
    server.close();
  });
  return { port: proxyPort, state };
}

/** A plain socket that speaks as it is told. */
async function rawPeer(port: number) {
  const socket = connect(port, '127.0.0.1');
  opened.push(() => socket.destroy());
  const state = { received: Buffer.alloc(0) as Buffer, closed: false };
  socket.on('data', (bytes: Buffer) => {
    state.received = Buffer.concat([state.received, bytes]);
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    state.closed = true;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  return { socket, state };
}

function framed(...messages: Message[]): Buffer {
  const w = new Writer();
  encodeFrame(messages, 5 as Incarnation, w);
  const bytes = Buffer.alloc(4 + w.at);
  bytes.writeUInt32LE(w.at, 0);
  w.bytes.copy(bytes, 4, 0, w.at);
  return bytes;
}

const helloOf = (change: Partial<Hello> = {}): Hello => ({
  kind: 'hello',
  protocol: protocolVersion,
  ...self('raw'),
  ...change,
});

describe('a link', () => {
  test('tells both sides who the other is, and carries messages both ways in order', async () => {
    const { server, seen, messages } = await serve();
    seen.onMessage = (peer, message) => peer.send(message);
    const { link, seen: mine } = dial(server);
    await until(() => link.up);
    expect(mine.ups[0]).toMatchObject({ name: 'server', role: 'node', clusterId: 'cluster-a' });
    expect(seen.peers[0]).toMatchObject({
      name: 'dialer',
      role: 'node',
      clusterId: 'cluster-a',
      incarnation: 5,
    });
    for (let i = 0; i < 500; i++) {
      expect(link.send(query(i))).toBe('sent');
      if (i % 50 === 0) await turns(1);
    }
    await until(() => mine.messages.length === 500);
    const order = Array.from({ length: 500 }, (_, i) => i);
    expect(roundsOf(messages())).toEqual(order);
    expect(roundsOf(mine.messages)).toEqual(order);
  });

  test('hands out bytes that stay as they were when more arrive', async () => {
    const { server, seen, messages } = await serve();
    seen.onMessage = (peer, message) => peer.send(message);
    const { link, seen: mine } = dial(server);
    await until(() => link.up);
    const made = Array.from({ length: 60 }, (_, i) => Buffer.alloc(i * 40, i));
    for (const entry of made) {
      link.send({ ...append, entries: [entry] });
      await turns(1);
    }
    await until(() => mine.messages.length === made.length);
    const entriesOf = (all: readonly Message[]) => all.flatMap((m) => (m.kind === 'append' ? m.entries : []));
    expect(entriesOf(messages())).toEqual(made);
    expect(entriesOf(mine.messages)).toEqual(made);
  });

  test('sends what one turn of the event loop made in one frame', async () => {
    const { server, seen } = await serve();
    const { link } = dial(server);
    await until(() => link.up);
    for (let i = 0; i < 100; i++) link.send(query(i));
    await Promise.resolve();
    for (let i = 100; i < 200; i++) link.send(query(i));
    await until(() => seen.frames.length > 0);
    expect(seen.frames.map((frame) => frame.length)).toEqual([200]);
  });

  test('says in each frame who its sender is by then', async () => {
    const { server, seen } = await serve();
    const own = self('dialer');
    const { link } = dial(server, { self: own });
    await until(() => link.up);
    link.send(query(1));
    own.incarnation = 6 as Incarnation;
    link.send(query(2));
    await until(() => seen.frames.length === 2);
    expect(seen.incarnations).toEqual([5, 6]);
    expect(seen.frames.map(roundsOf)).toEqual([[1], [2]]);
  });

  test('drops messages while it is not up', async () => {
    const { server, messages } = await serve();
    const { link } = dial(server);
    expect(link.send(query(1))).toBe('dropped');
    await until(() => link.up);
    link.send(query(2));
    await until(() => messages().length > 0);
    expect(roundsOf(messages())).toEqual([2]);
  });

  test('connects when the peer appears later, and again when it comes back', async () => {
    const first = await serve();
    const { port } = first.server;
    await first.server.close();
    const { link, seen } = dial(port);
    await until(() => seen.downs.length === 1);
    expect(seen.downs[0]).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/cannot be reached/),
    });
    await turns(100);
    expect(seen.downs.length).toBe(1);
    for (let round = 1; round <= 3; round++) {
      const { server, messages } = await serve({ port });
      await until(() => link.up);
      link.send(query(round));
      await until(() => messages().length === 1);
      expect(roundsOf(messages())).toEqual([round]);
      await server.close();
      await until(() => !link.up);
    }
    await until(() => seen.downs.length === 4);
    expect(seen.ups.length).toBe(3);
  });

  test('notices a peer that neither answers nor closes, and finds it again', async () => {
    const { server } = await serve();
    const { port, state } = await proxyTo(server.port);
    const { link, seen } = dial(port, { pingMs: 20, handshakeMs: 300 });
    await until(() => link.up);
    state.swallow = true;
    await until(() => seen.downs.length === 1);
    expect(seen.downs[0]?.message).toMatch(/no sign of life for 60 ms/);
    await turns(100);
    expect(link.up).toBe(false);
    state.swallow = false;
    await until(() => link.up);
  });

  test('stays up while it is idle, and while it only sends', async () => {
    const { server } = await serve();
    const { link, seen } = dial(server, { pingMs: 40 });
    await until(() => link.up);
    await turns(400);
    for (let i = 0; i < 40; i++) {
      link.send(query(i));
      await turns(10);
    }
    expect(seen.downs).toEqual([]);
  });

  test('stays up after its own process stood still', async () => {
    const { server } = await serve();
    const { link, seen } = dial(server, { pingMs: 20 });
    await until(() => link.up);
    const end = performance.now() + 300;
    while (performance.now() < end);
    await turns(100);
    expect(seen.downs).toEqual([]);
  });

  test('does not take another peer for the one that it expects', async () => {
    const { server, seen } = await serve();
    const { link, seen: mine } = dial(server, { expected: 'node-7' });
    await until(() => mine.downs.length === 1);
    expect(mine.downs[0]?.message).toMatch(/is not node-7 but node server/);
    expect(link.up).toBe(false);
    expect(mine.ups).toEqual([]);
    await until(() => seen.closed.length > 0);
  });

  test('sends what is queued before it closes', async () => {
    const { server, messages } = await serve();
    const { link } = dial(server);
    await until(() => link.up);
    for (let i = 0; i < 20; i++) link.send(broken(100_000));
    link.close();
    expect(link.send(query(1))).toBe('dropped');
    await until(() => messages().length === 20);
  });

  test('a message that no frame can hold, or that cannot be encoded, costs that message', async () => {
    const { server, messages } = await serve();
    const logged: [string, Readonly<Record<string, unknown>>][] = [];
    const { link } = dial(server, { log: (_level, name, fields) => logged.push([name, fields]) });
    await until(() => link.up);
    link.send(query(1));
    expect(link.send(broken(limits.frameBytes))).toBe('unsendable');
    expect(link.send({ ...query(7), round: 0.5 } as Message)).toBe('unsendable');
    link.send(query(2));
    await until(() => messages().length === 2);
    expect(roundsOf(messages())).toEqual([1, 2]);
    // At most one a second.
    expect(logged.filter(([name]) => name === 'link.unsendable')).toEqual([
      [
        'link.unsendable',
        expect.objectContaining({ kind: 'broken', why: expect.stringMatching(/takes \d+ bytes/) }),
      ],
    ]);
  });

  test('an error in a handler closes its connection and no other', async () => {
    const { server, messages, seen } = await serve();
    seen.onMessage = (_peer, m) => {
      if (m.kind === 'broken') throw new TypeError('poison');
    };
    const [one, two] = [dial(server), dial(server)];
    await until(() => one.link.up && two.link.up);
    one.link.send(broken(1));
    await until(() => one.seen.downs.length > 0);
    two.link.send(query(1));
    await until(() => messages().some((m) => m.kind === 'tailQuery'));
    expect(two.seen.downs).toEqual([]);
    expect(seen.closed).toMatchObject([{ code: 'INTERNAL', message: expect.stringContaining('poison') }]);
    await until(() => one.link.up);
  });

  test('what waits for all clients together is bounded, and slow ones leave room for others', async () => {
    const budgets = makeBudgets({ ...transportLimits, clientOutBytes: 16_777_216 });
    const { server, seen } = await serve({ budgets });
    const sockets = await Promise.all(Array.from({ length: 6 }, () => silentClient(server.port)));
    await until(() => seen.peers.length === 6);
    // They read nothing of what they asked for.
    for (let round = 0; round < 40; round++) for (const peer of seen.peers) peer.send(broken(1_000_000));
    expect(budgets.client.out.used).toBeLessThan(16_777_216 + 1_100_000);
    await until(() => seen.closed.length === 6);
    expect(seen.closed.every((why) => why.code === 'OVERLOADED')).toBe(true);
    expect(budgets.client.out.used).toBe(0);
    for (const socket of sockets) socket.destroy();
    const { link } = dial(server, { self: self('', 'client') });
    await until(() => link.up && seen.peers.length === 7);
    expect(seen.peers[6]?.send(broken(1_000_000))).not.toBe('dropped');
  });

  test('when a slow peer holds all that is left, others still hear marks and heartbeats', async () => {
    const budgets = makeBudgets({ ...transportLimits, peerOutBytes: 1_000_000 });
    const { server, messages } = await serve();
    const { link } = dial(server, { budgets });
    await until(() => link.up);
    budgets.peer.out.add(1_000_000);
    expect(link.send(query(1))).toBe('sent');
    expect(link.send(broken(100_000))).toBe('sent');
    expect(link.send(query(2))).toBe('dropped');
    await until(() => messages().length === 2);
    expect(link.send(query(3))).toBe('sent');
  });

  test('frames of which a part is missing are bounded for all clients together', async () => {
    const budgets = makeBudgets({ ...transportLimits, clientPartialBytes: 4_000_000 });
    const { server, seen } = await serve({ budgets });
    const sockets = await Promise.all(Array.from({ length: 5 }, () => silentClient(server.port)));
    await until(() => seen.peers.length === 5);
    const begin = Buffer.alloc(5);
    begin.writeUInt32LE(1_500_000);
    for (const socket of sockets) socket.write(begin);
    await until(() => seen.closed.length === 3);
    expect(seen.closed.every((why) => why.code === 'OVERLOADED')).toBe(true);
    expect(budgets.client.partial.used).toBe(3_000_000);
    for (const socket of sockets) socket.destroy();
    await until(() => budgets.client.partial.used === 0);
  });

  test('a client may not begin a frame that no request needs', async () => {
    const { server, seen } = await serve();
    const socket = await silentClient(server.port);
    await until(() => seen.peers.length === 1);
    const begin = Buffer.alloc(4);
    begin.writeUInt32LE(limits.clientFrameBytes + 1);
    socket.write(begin);
    await until(() => seen.closed.length === 1);
    expect(seen.closed[0]?.code).toBe('MALFORMED_FRAME');
    socket.destroy();
  });

  test('splits what does not fit in one frame', async () => {
    const { server, seen, messages } = await serve();
    const { link } = dial(server);
    await until(() => link.up);
    const size = limits.frameBytes / 2;
    link.send(query(1));
    for (let i = 0; i < 4; i++) link.send(broken(size));
    link.send(broken(limits.frameBytes - 100));
    link.send(query(2));
    await until(() => messages().length === 7);
    expect(messages().map((m) => (m.kind === 'broken' ? m.why.length : 'query'))).toEqual([
      'query',
      size,
      size,
      size,
      size,
      limits.frameBytes - 100,
      'query',
    ]);
    expect(seen.frames.length).toBeGreaterThan(3);
  });

  test('is told to slow down by a slow reader, then to go on, and loses nothing that was taken', async () => {
    const { server, messages } = await serve();
    const { port, state } = await proxyTo(server.port);
    const queue = { overloadedBytes: 4_000_000, dropBytes: 24_000_000 };
    const { link, seen } = dial(port, { queue, pingMs: 5000 });
    await until(() => link.up);
    for (const socket of state.sockets) socket.pause();
    const results: string[] = [];
    let taken = 0;
    for (let i = 0; i < 600; i++) {
      const result = link.send(broken(100_000));
      results.push(result);
      if (result !== 'dropped') taken++;
    }
    expect(new Set(results)).toEqual(new Set(['sent', 'overloaded', 'dropped']));
    expect(link.overloaded).toBe(true);
    expect(link.queuedBytes).toBeLessThan(queue.dropBytes + 200_000);
    expect(seen.relieved).toBe(0);
    for (const socket of state.sockets) socket.resume();
    await until(() => messages().length === taken);
    expect(link.overloaded).toBe(false);
    expect(seen.relieved).toBe(1);
    expect(link.send(query(1))).toBe('sent');
  });

  test('carries chunks on a connection of their own, which small messages do not wait for', async () => {
    const { server, seen, messages } = await serve();
    const { port, state } = await proxyTo(server.port);
    const { link } = dial(port, { pingMs: 5000 });
    await until(() => link.up);
    link.send(chunk(limits.copyBytes));
    await until(() => messages().length === 1);
    expect(seen.peers.map((peer) => peer.name)).toEqual(['dialer', 'dialer']);
    for (const socket of state.sockets.slice(2)) socket.pause();
    for (let i = 0; i < 60; i++) expect(link.send(chunk(limits.copyBytes))).not.toBe('dropped');
    link.send(query(1));
    await until(() => roundsOf(messages()).length === 1);
    for (const socket of state.sockets.slice(2)) socket.resume();
    await until(() => messages().length === 62);
  });
});

describe('a server', () => {
  test('says which port is in use and what to do', async () => {
    const { server } = await serve();
    await expect(serve({ port: server.port })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: `port ${server.port} of 127.0.0.1 is already in use: stop the process that listens there, or choose another port`,
    });
  });

  test('and a peer of another cluster part, each with a reason', async () => {
    const { server, seen } = await serve();
    const { link, seen: mine } = dial(server, { self: { ...self('dialer'), clusterId: 'cluster-b' } });
    await until(() => mine.downs.length === 1 && seen.log.length > 0);
    expect(mine.downs[0]).toMatchObject({
      code: 'WRONG_CLUSTER',
      message: expect.stringMatching(/cluster-a.*cluster-b/),
    });
    expect(seen.log[0]).toEqual(['link.refused', expect.objectContaining({ code: 'WRONG_CLUSTER' })]);
    expect(link.up).toBe(false);
    expect(seen.peers).toEqual([]);
  });

  test('takes a peer that does not know its cluster yet', async () => {
    const { server } = await serve();
    const { link } = dial(server, { self: { ...self('', 'client'), clusterId: '' } });
    await until(() => link.up);
  });

  test('tells a peer of another version its own version, and closes', async () => {
    const { server, seen } = await serve();
    const { socket, state } = await rawPeer(server.port);
    socket.write(framed(helloOf({ protocol: protocolVersion + 1 })));
    await until(() => state.closed);
    expect(state.received).toEqual(framed({ ...helloOf(), ...self('server') }));
    expect(seen.log).toEqual([['link.refused', expect.objectContaining({ code: 'PROTOCOL_VERSION' })]]);
    expect(seen.peers).toEqual([]);
  });

  test.each([
    ['noise', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a first frame that is long', Buffer.from([0xff, 0xff, 0x10, 0x00])],
    ['a first message that is no Hello', framed(query(1))],
    ['a Hello with company', framed(helloOf(), query(1))],
    ['a frame that is none', Buffer.concat([framed(helloOf()), Buffer.from([2, 0, 0, 0, 0x12, 0x50])])],
    ['a frame beyond the limit', Buffer.concat([framed(helloOf()), Buffer.from([1, 0, 0x80, 0])])],
  ])('closes a connection that sends %s, and no other', async (_name, bytes) => {
    const { server, seen, messages } = await serve();
    const { link, seen: good } = dial(server);
    await until(() => link.up);
    const { socket, state } = await rawPeer(server.port);
    socket.write(bytes);
    await until(() => state.closed);
    expect(seen.log.filter(([name]) => name === 'link.refused')).toEqual([
      ['link.refused', expect.objectContaining({ code: 'MALFORMED_FRAME' })],
    ]);
    link.send(query(1));
    await until(() => messages().length === 1);
    expect(good.downs).toEqual([]);
  });

  test('closes a connection that does not say who it is', async () => {
    const { server, seen } = await serve({ handshakeMs: 50 });
    const mute = await rawPeer(server.port);
    await until(() => mute.state.closed);
    expect(seen.peers.length).toBe(0);
    await until(() => server.connections === 0);
  });

  test('closes a connection that falls silent', async () => {
    const { server, seen } = await serve({ idleMs: 100 });
    const silent = await rawPeer(server.port);
    silent.socket.write(framed(helloOf()));
    await until(() => seen.peers.length === 1);
    await until(() => silent.state.closed);
    expect(seen.closed[0]?.message).toMatch(/silent/);
    await until(() => server.connections === 0);
  });

  test('takes so many connections, and so many of one peer', async () => {
    const { server, seen } = await serve({ connections: 4, connectionsOfPeer: 2 });
    const same = [1, 2].map(() => dial(server, { self: self('same') }));
    await until(() => same.every(({ link }) => link.up));
    const third = await rawPeer(server.port);
    third.socket.write(framed(helloOf({ name: 'same' })));
    await until(() => third.state.closed);
    expect(seen.log).toContainEqual(['link.refused', expect.objectContaining({ code: 'OVERLOADED' })]);
    const others = [3, 4].map(() => dial(server, { self: self('', 'client') }));
    await until(() => others.every(({ link }) => link.up));
    const fifth = await rawPeer(server.port);
    await until(() => fifth.state.closed);
    expect(seen.log).toContainEqual(['link.dropped', expect.anything()]);
    same[0]?.link.close();
    await until(() => server.connections === 3);
    const again = dial(server, { self: self('same') });
    await until(() => again.link.up);
  });

  test('closes a client that does not read its answers', async () => {
    const { server, seen } = await serve({ queue: { overloadedBytes: 1_000_000, dropBytes: 4_000_000 } });
    seen.onMessage = (peer) => {
      for (let i = 0; i < 400; i++) peer.send(broken(100_000));
    };
    const { socket } = await rawPeer(server.port);
    socket.write(framed(helloOf({ role: 'client', name: '' })));
    await until(() => seen.peers.length === 1);
    socket.pause();
    socket.write(framed(query(1)));
    await until(() => seen.closed.length === 1);
    expect(seen.closed[0]).toMatchObject({
      code: 'OVERLOADED',
      message: expect.stringMatching(/does not read/),
    });
  });

  test('reads frames however TCP cuts them', async () => {
    const { server, messages } = await serve();
    const { socket } = await rawPeer(server.port);
    socket.setNoDelay(true);
    const bytes = Buffer.concat([
      framed(helloOf()),
      ...[1, 2, 3].map((i) => framed(query(i))),
      framed(broken(200_000)),
      framed(query(4)),
    ]);
    for (let at = 0; at < 120; at++) {
      socket.write(bytes.subarray(at, at + 1));
      if (at % 3 === 0) await turns(1);
    }
    socket.write(bytes.subarray(120));
    await until(() => roundsOf(messages()).length === 4);
    expect(roundsOf(messages())).toEqual([1, 2, 3, 4]);
  });

  test('moves a hundred megabytes of values unharmed', async () => {
    const { server, seen, messages } = await serve();
    const { link, seen: mine } = dial(server, { pingMs: 5000 });
    seen.onMessage = (peer, message) => {
      if (message.kind === 'ask') peer.send({ kind: 'clock', wall: message.id });
    };
    await until(() => link.up);
    const value = Buffer.alloc(100_000, 'value');
    const put = (id: number): Message => ({
      kind: 'ask',
      id,
      request: {
        op: 'put',
        key: `key-${id}` as Key,
        version: chainVersion(1),
        passOn: false,
        deadlineMs: 1000,
        value,
        delta: 0n,
        conditions: [],
        client: 1 as never,
        number: id as never,
        floor: 1 as never,
        slotTime: 0,
        retry: false,
      },
    });
    let next = 0;
    const fill = (): void => {
      while (next < 1000 && link.send(put(next++)) === 'sent');
    };
    fill();
    await until(() => {
      if (!link.overloaded) fill();
      return mine.messages.length === 1000;
    });
    const harmed = messages().filter(
      (m) => m.kind !== 'ask' || m.request.op === 'get' || !value.equals(m.request.value),
    );
    expect(harmed).toEqual([]);
    expect(mine.messages.map((m) => m.kind === 'clock' && m.wall)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    );
  });
});
