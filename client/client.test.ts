import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ChainError } from '../protocol/errors.ts';
import type { List, Listed } from '../protocol/messages.ts';
import { failure } from '../protocol/replies.ts';
import type { WriteRequest } from '../protocol/requests.ts';
import { key as asKey, origin } from '../protocol/words.ts';
import type { Client } from './client.ts';
import { type ConnectOptions, connect } from './connect.ts';
import { chainOf, entryOf, type FakeNode, memory, routesOver, startFakeNode } from './fake-node.ts';
import { ConditionFailed } from './results.ts';

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** Nodes that form one chain of one slot and share one memory. */
async function chain(...names: string[]): Promise<FakeNode[]> {
  const nodes: FakeNode[] = [];
  const shared = memory();
  for (const name of names) {
    const node = await startFakeNode(name);
    opened.push(() => node.stop());
    node.behave = shared;
    nodes.push(node);
  }
  for (const node of nodes) node.routes = routesOver(nodes);
  return nodes;
}

async function client(nodes: readonly FakeNode[], options: Partial<ConnectOptions> = {}): Promise<Client> {
  const made = await connect({ endpoints: nodes.map((n) => n.address), ...options });
  opened.push(() => made.close());
  return made;
}

const failureOf = (call: Promise<unknown>): Promise<ChainError> =>
  call.then(
    () => expect.unreachable('the call should have failed'),
    (error) => error,
  );
const numbers = (node: FakeNode): number[] => node.asked.flatMap((q) => (q.op === 'get' ? [] : [q.number]));
const writes = (node: FakeNode): WriteRequest[] => node.asked.flatMap((q) => (q.op === 'get' ? [] : [q]));

describe('results', () => {
  test('a read of an absent key', async () => {
    const c = await client(await chain('a'));
    expect(await c.get('nothing')).toEqual({
      found: false,
      value: null,
      revision: 0,
      version: 0,
      at: origin,
    });
  });

  test('a put and the read of it', async () => {
    const c = await client(await chain('a'));
    expect(await c.put('greeting', 'hellö')).toMatchObject({ revision: 1, version: 1, created: true });
    const again = await c.put('greeting', 'hellö again');
    expect(again).toMatchObject({ revision: 2, version: 2, created: false });
    const found = await c.get('greeting');
    if (!found.found) return expect.unreachable();
    expect(found.text()).toBe('hellö again');
    expect(found).toMatchObject({ revision: 2, version: 2, created: 1_700_000_000_000 });
    expect(found.updated).toBe(1_700_000_000_002);
  });

  test('a delete says whether there was something', async () => {
    const c = await client(await chain('a'));
    await c.put('k', 'v');
    expect(await c.delete('k')).toMatchObject({ found: true });
    expect(await c.delete('k')).toMatchObject({ found: false });
  });

  test('a counter beyond 2^53', async () => {
    const c = await client(await chain('a'));
    expect((await c.add('n', 2n ** 62n)).value).toBe(2n ** 62n);
    expect((await c.add('n', -1)).value).toBe(2n ** 62n - 1n);
  });

  test('bytes of any kind, in keys and values', async () => {
    const c = await client(await chain('a'));
    const every = Uint8Array.from({ length: 256 }, (_, i) => i);
    await c.put(every, every);
    const found = await c.get(every);
    expect(found.value).toEqual(Buffer.from(every));
    if (found.found) expect(() => found.text()).toThrow(/not UTF-8/);
  });

  test('a text key is its UTF-8 bytes', async () => {
    const c = await client(await chain('a'));
    await c.put('Zürich', 'x');
    expect((await c.get(Buffer.from('Zürich'))).found).toBe(true);
  });

  test('a refused condition says what it saw', async () => {
    const [a] = await chain('a');
    const seen = {
      position: { version: 1, seq: 9 } as never,
      objectVersion: 4,
      at: { version: 1, seq: 9 } as never,
    };
    a!.behave = () => failure('CONDITION_FAILED', 'a condition does not hold', { seen });
    const error = await failureOf((await client([a!])).put('k', 'v', { ifVersion: 3 }));
    expect(error).toBeInstanceOf(ConditionFailed);
    expect(error).toMatchObject({ code: 'CONDITION_FAILED', outcome: 'definite' });
    expect((error as ConditionFailed).seen).toEqual({ found: true, revision: 9, version: 4 });
    expect(writes(a!)[0]?.conditions).toEqual([{ field: 'version', operator: 'eq', value: 3 }]);
  });
});

describe('bad input is refused before anything is sent', () => {
  test.each([
    ['an empty key', (c: Client) => c.get(''), 'KEY_EMPTY'],
    ['a key of 1025 bytes', (c: Client) => c.put('ü'.repeat(513), 'v'), 'KEY_TOO_LONG'],
    ['half of a character pair', (c: Client) => c.put('k', '\ud800'), 'BAD_REQUEST'],
    ['a value above 1 MiB', (c: Client) => c.put('k', Buffer.alloc(1_048_577)), 'VALUE_TOO_LARGE'],
    ['a value that is no bytes', (c: Client) => c.put('k', 7 as never), 'BAD_REQUEST'],
    ['a fraction to add', (c: Client) => c.add('k', 0.5), 'BAD_REQUEST'],
    ['65 bits to add', (c: Client) => c.add('k', 2n ** 63n), 'BAD_REQUEST'],
    ['a negative version', (c: Client) => c.put('k', 'v', { ifVersion: -1 }), 'BAD_REQUEST'],
    ['a bound without its level', (c: Client) => c.get('k', { boundMs: 5 }), 'BAD_REQUEST'],
    ['a level without its bound', (c: Client) => c.get('k', { level: 'bounded' }), 'BAD_REQUEST'],
    ['a deadline in the past', (c: Client) => c.get('k', { timeoutMs: 0 }), 'DEADLINE_PAST'],
  ] as const)('%s', async (_what, call, code) => {
    const [a] = await chain('a');
    const error = await failureOf(call(await client([a!])));
    expect(error).toMatchObject({ code, outcome: 'definite' });
    expect(a!.asked).toEqual([]);
  });
});

describe('retries', () => {
  test('a write goes on under its number when the connection breaks before the answer', async () => {
    const [a, b] = await chain('a', 'b');
    const answer = a!.behave;
    let broken = 0;
    a!.behave = (q, node) => {
      if (q.op === 'get' || broken++ > 0) return answer(q, node);
      for (const peer of node.peers) peer.close('the test breaks it');
      return null;
    };
    const c = await client([a!, b!]);
    expect((await c.put('k', 'v')).created).toBe(true);
    const all = [...writes(a!), ...writes(b!)];
    expect(new Set(all.map((q) => q.number))).toEqual(new Set([1]));
    expect(all.map((q) => q.retry)).toEqual([false, true]);
  });

  test('a redirect is followed, and the new route is used from then on', async () => {
    const [a, b] = await chain('a', 'b');
    const moved = chainOf([b!, a!], 2);
    a!.behave = () => failure('NOT_HEAD', 'b is the head now', { route: moved });
    const c = await client([a!]);
    await c.put('k', 'v');
    await c.put('k', 'w');
    expect(numbers(a!)).toEqual([1]);
    expect(numbers(b!)).toEqual([1, 2]);
    expect(writes(b!)[0]).toMatchObject({ version: 2, retry: false });
    expect(c.route(0 as never)?.version).toBe(2);
  });

  test('a request goes through another node while its own cannot be reached', async () => {
    const [a, b, c] = await chain('a', 'b', 'c');
    const made = await client([a!, b!, c!]);
    await made.put('k', 'v');
    await a!.stop();
    await made.put('k', 'w');
    const passing = [...writes(b!), ...writes(c!)];
    expect(passing.length).toBeGreaterThan(0);
    expect(passing.every((q) => q.passOn && q.number === 2)).toBe(true);
  });

  test('reads never wait for a node that is away', async () => {
    const nodes = await chain('a', 'b', 'c');
    const c = await client(nodes);
    await c.put('k', 'v');
    for (let i = 0; i < 6; i++) await c.get('k');
    await nodes[1]!.stop();
    const asked = nodes[0]!.asked.length + nodes[2]!.asked.length;
    for (let i = 0; i < 30; i++) expect((await c.get('k')).found).toBe(true);
    expect(nodes[0]!.asked.length + nodes[2]!.asked.length - asked).toBe(30);
  });

  test('a value that does not fit its checksum is asked for at another member', async () => {
    const [a, b] = await chain('a', 'b');
    const bad = entryOf(asKey('k'), Buffer.from('value'));
    bad.bytes[bad.bytes.length - 1]! ^= 1;
    a!.behave = () => ({ kind: 'read', entry: bad.bytes, at: origin, slotTime: 1 });
    b!.behave = () => ({
      kind: 'read',
      entry: entryOf(asKey('k'), Buffer.from('value')).bytes,
      at: origin,
      slotTime: 1,
    });
    const c = await client([a!, b!]);
    for (let i = 0; i < 4; i++) expect((await c.get('k')).value).toEqual(Buffer.from('value'));
    expect(a!.asked.length).toBeGreaterThan(0);
  });

  test('an answer for another key is not believed', async () => {
    const [a] = await chain('a');
    const other = entryOf(asKey('other'), Buffer.from('value')).bytes;
    a!.behave = () => ({ kind: 'read', entry: other, at: origin, slotTime: 1 });
    const c = await client([a!]);
    expect(await failureOf(c.get('k', { node: 'a' }))).toMatchObject({ code: 'CORRUPT' });
  });

  test('a late answer to an earlier attempt is not taken for the later one', async () => {
    const [a] = await chain('a');
    const late: (() => void)[] = [];
    const c = await client([a!]);
    a!.behave = (q, node) => {
      const peer = [...node.peers][0]!;
      if (a!.asked.length === 1) {
        late.push(() =>
          peer.send({ kind: 'answer', id: 1, reply: failure('CONDITION_FAILED', 'stale refusal') }),
        );
        return null;
      }
      for (const send of late) send();
      return memory()(q, node);
    };
    expect((await c.put('k', 'v', { timeoutMs: 8000 })).created).toBe(true);
    expect(numbers(a!)).toEqual([1, 1]);
  });
});

describe('ends', () => {
  test('a write without an answer may have taken effect', async () => {
    const [a] = await chain('a');
    a!.behave = () => null;
    const error = await failureOf((await client([a!])).put('k', 'v', { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'indefinite' });
    expect(error.message).toMatch(/may have taken effect/);
  });

  test('a write that was refused each time did not', async () => {
    const [a] = await chain('a');
    a!.behave = () => failure('OVERLOADED', 'too much is pending');
    const error = await failureOf((await client([a!])).put('k', 'v', { timeoutMs: 100 }));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'definite' });
    expect(error.message).toMatch(/did not take effect.*OVERLOADED/);
  });

  test('the caller gives up', async () => {
    const [a] = await chain('a');
    a!.behave = () => null;
    const c = await client([a!]);
    const abort = new AbortController();
    const put = failureOf(c.put('k', 'v', { signal: abort.signal }));
    const get = failureOf(c.get('k', { signal: abort.signal }));
    await vi.waitFor(() => expect(a!.asked.length).toBe(2));
    abort.abort(new Error('enough'));
    expect(await put).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'indefinite' });
    expect(await get).toMatchObject({ outcome: 'definite', cause: abort.signal.reason });
    expect(await failureOf(c.put('k', 'v', { signal: abort.signal }))).toMatchObject({ outcome: 'definite' });
    expect(a!.asked.length).toBe(2);
  });

  test('the floor rises with what was answered, and not above what was not', async () => {
    const [a] = await chain('a');
    const answer = a!.behave;
    a!.behave = (q, node) => (q.op !== 'get' && q.number === 2 ? null : answer(q, node));
    const c = await client([a!]);
    await c.put('k', '1');
    const stuck = failureOf(c.put('k', '2', { timeoutMs: 300 }));
    await c.put('k', '3');
    await stuck;
    await c.put('k', '4');
    const floors = new Map(writes(a!).map((q) => [q.number as number, q.floor as number]));
    expect(Object.fromEntries(floors)).toEqual({ 1: 1, 2: 2, 3: 2, 4: 4 });
  });

  test('closing the client ends its calls', async () => {
    const [a] = await chain('a');
    a!.behave = () => null;
    const c = await client([a!]);
    const put = failureOf(c.put('k', 'v'));
    await vi.waitFor(() => expect(a!.asked.length).toBe(1));
    c.close();
    expect(await put).toMatchObject({ code: 'UNAVAILABLE', outcome: 'indefinite' });
    expect(await failureOf(c.get('k'))).toMatchObject({ code: 'UNAVAILABLE', outcome: 'definite' });
  });
});

describe('a pinned node', () => {
  test('is asked alone and told not to pass on', async () => {
    const nodes = await chain('a', 'b', 'c');
    const c = await client(nodes);
    for (let i = 0; i < 3; i++) await c.get('k', { node: 'b' });
    expect(nodes.map((n) => n.asked.length)).toEqual([0, 3, 0]);
    expect(nodes[1]!.asked.every((q) => !q.passOn)).toBe(true);
  });

  test('answers for itself when it cannot answer', async () => {
    const [a, b] = await chain('a', 'b');
    b!.behave = () => failure('NOT_MEMBER', 'not mine');
    const c = await client([a!, b!]);
    expect(await failureOf(c.get('k', { node: 'b' }))).toMatchObject({ code: 'NOT_MEMBER' });
  });

  test('that nobody knows', async () => {
    const c = await client(await chain('a'));
    expect(await failureOf(c.get('k', { node: 'z' }))).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('many calls at once', () => {
  test('share frames and are each answered', async () => {
    const [a] = await chain('a');
    const c = await client([a!]);
    const calls = Array.from({ length: 2000 }, (_, i) => c.put(`k${i}`, `v${i}`));
    const results = await Promise.all(calls);
    expect(new Set(results.map((r) => r.revision)).size).toBe(2000);
    expect(a!.batches.length).toBeLessThan(200);
  });

  test('beyond what a session may have open wait for room', async () => {
    const [a] = await chain('a');
    const c = await client([a!]);
    const answer = a!.behave;
    let most = 0;
    a!.behave = (q, node) => {
      if (q.op !== 'get') most = Math.max(most, q.number - q.floor);
      return answer(q, node);
    };
    await Promise.all(Array.from({ length: 20_000 }, () => c.put('k', 'v')));
    expect(most).toBeLessThanOrEqual(16_384);
    expect(new Set(numbers(a!)).size).toBe(20_000);
  });
});

describe('entries', () => {
  const value = (name: string) => entryOf(asKey(name), Buffer.from(`value of ${name}`)).bytes;
  const page = (asked: List, names: string[], next: string | null): Listed => ({
    kind: 'listed',
    id: asked.id,
    values: names.map(value),
    damaged: [],
    next: next === null ? null : asKey(next),
    at: origin,
  });
  const namesOf = async (c: Client, timeoutMs?: number): Promise<string[]> => {
    const names: string[] = [];
    for await (const { key, text } of withText(c.entries({ timeoutMs }))) names.push(`${key}: ${text}`);
    return names;
  };
  async function* withText(entries: ReturnType<Client['entries']>) {
    for await (const entry of entries) yield { key: Buffer.from(entry.key).toString(), text: entry.text() };
  }

  test('come page by page, each from where the last one ended', async () => {
    const [a] = await chain('a');
    const asked: (string | null)[] = [];
    a!.list = (m) => {
      asked.push(m.after);
      return m.after === null ? page(m, ['k1', 'k2'], 'k2') : page(m, ['k3'], null);
    };
    const c = await client([a!]);
    expect(await namesOf(c)).toEqual(['k1: value of k1', 'k2: value of k2', 'k3: value of k3']);
    expect(asked).toEqual([null, 'k2']);
  });

  test('a member that refuses, or dies, is replaced by the next one', async () => {
    const [a, b] = await chain('a', 'b');
    a!.list = ({ id }) => ({ kind: 'answer', id, reply: failure('NOT_MEMBER', 'not mine') });
    b!.list = (m) => page(m, ['k'], null);
    const c = await client([a!, b!]);
    expect(await namesOf(c)).toEqual(['k: value of k']);
    a!.list = (m) => {
      for (const peer of a!.peers) peer.close('the test breaks it');
      return page(m, [], null);
    };
    expect(await namesOf(c)).toEqual(['k: value of k']);
  });

  test('a damaged value is no value', async () => {
    const [a] = await chain('a');
    a!.list = (m) => {
      const one = page(m, ['k'], null);
      one.values[0]![80]! ^= 1;
      return one;
    };
    await expect(namesOf(await client([a!]))).rejects.toMatchObject({ code: 'CORRUPT' });
  });

  test('a key of which no member has a sound record ends them, or is told', async () => {
    const [a] = await chain('a');
    a!.list = (m) => ({ ...page(m, ['k1', 'k3'], null), damaged: [asKey('k2')] });
    const c = await client([a!]);
    await expect(namesOf(c)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringMatching(/no member of slot 0 has a record of "k2"/),
    });
    const damaged: string[] = [];
    let count = 0;
    for await (const _ of c.entries({ onDamaged: (key) => damaged.push(Buffer.from(key).toString()) }))
      count++;
    expect({ damaged, count }).toEqual({ damaged: ['k2'], count: 2 });
  });

  test('without any member that gives them there is an error', async () => {
    const [a] = await chain('a');
    a!.list = ({ id }) => ({ kind: 'answer', id, reply: failure('NOT_MEMBER', 'not mine') });
    await expect(namesOf(await client([a!]), 200)).rejects.toMatchObject({
      code: 'NOT_MEMBER',
      message: expect.stringMatching(/no member of slot 0 gave its values within 200 ms/),
    });
  });
});

describe('connecting', () => {
  test('one endpoint that answers is enough', async () => {
    const [a] = await chain('a');
    const c = await connect({ endpoints: ['127.0.0.1:1', a!.address] });
    opened.push(() => c.close());
    expect((await c.get('k')).found).toBe(false);
  });

  test('says why each endpoint does not help', async () => {
    const [a] = await chain('a');
    a!.routes = { ...routesOver([]), slots: 0 };
    const error = await failureOf(connect({ endpoints: ['127.0.0.1:1', a!.address], connectMs: 300 }));
    expect(error.code).toBe('UNAVAILABLE');
    expect(error.message).toMatch(/127\.0\.0\.1:1 cannot be reached.*knows no chains yet/);
  });

  test('to another cluster is refused at once', async () => {
    const [a] = await chain('a');
    const error = await failureOf(connect({ endpoints: [a!.address], clusterId: 'cluster-b' }));
    expect(error).toMatchObject({ code: 'WRONG_CLUSTER' });
  });

  test.each([[[]], [['nonsense']], [['h:0']]])('to %j is refused', async (endpoints) => {
    expect(await failureOf(connect({ endpoints }))).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('is given up by its caller', async () => {
    const signal = AbortSignal.timeout(50);
    const error = await failureOf(connect({ endpoints: ['127.0.0.1:1'], signal }));
    expect(error).toBe(signal.reason);
  });

  test('to endpoints of two clusters is refused with the names of both, unless it knows which one is meant', async () => {
    const [a] = await chain('a');
    const stranger = await startFakeNode('b', { clusterId: 'cluster-b' });
    opened.push(() => stranger.stop());
    stranger.routes = { ...routesOver([stranger]), clusterId: 'cluster-b' };
    for (const endpoints of [
      [a!.address, stranger.address],
      [stranger.address, a!.address],
    ]) {
      const error = await failureOf(connect({ endpoints }));
      expect(error).toMatchObject({ code: 'WRONG_CLUSTER', outcome: 'definite' });
      expect(error.message).toMatch(
        /more than one cluster: .*cluster-(a.*cluster-b|b.*cluster-a).*; name endpoints/,
      );
      const sure = await connect({ endpoints, clusterId: 'cluster-a' });
      await sure.get('k');
      sure.close();
    }
    expect(stranger.asked).toEqual([]);
  });

  test('does not wait long for an endpoint that says nothing', async () => {
    const [a] = await chain('a');
    const mute = createServer().listen(0, '127.0.0.1');
    opened.push(() => mute.close());
    await new Promise((resolve) => mute.once('listening', resolve));
    const began = performance.now();
    const c = await client([a!], {
      endpoints: [a!.address, `127.0.0.1:${(mute.address() as AddressInfo).port}`],
    });
    expect(performance.now() - began).toBeLessThan(2000);
    await c.get('k');
  });

  test('learns the cluster from its first peer and believes no other', async () => {
    const [a] = await chain('a');
    const stranger = await startFakeNode('b', { clusterId: 'cluster-b' });
    opened.push(() => stranger.stop());
    a!.routes = routesOver([a!, stranger]);
    const c = await client([a!]);
    for (let i = 0; i < 4; i++) await c.get('k');
    expect(stranger.asked).toEqual([]);
    expect(a!.asked.length).toBe(4);
  });
});
