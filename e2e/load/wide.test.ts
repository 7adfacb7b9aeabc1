import { expect, test } from 'vitest';
import { ChainError } from '../../client/index.ts';
import { Wide, type WideClient } from './wide.ts';

/** Three members that each hold every write, unless `spoil` says what a member holds instead. */
function members(spoil: (node: string, key: string, value: string) => string | undefined = (_n, _k, v) => v) {
  const held = new Map(['a', 'b', 'c'].map((node) => [node, new Map<string, string>()]));
  const client = {
    slotOf: () => 0,
    route: () => ({ members: [...held.keys()].map((node) => ({ node })) }),
    close: () => undefined,
    async put(key: string, value: string) {
      await new Promise(setImmediate);
      for (const [node, values] of held) {
        const kept = spoil(node, key, value);
        if (kept !== undefined) values.set(key, kept);
      }
    },
    async get(key: string, { node }: { node: string }) {
      const value = held.get(node)?.get(key);
      return { found: value !== undefined, text: () => value };
    },
  };
  return { held, client: client as unknown as WideClient };
}

async function reportOf(client: WideClient, replicas = 3) {
  const wide = new Wide({
    connect: async () => client,
    prefix: '',
    keys: 40,
    writers: 4,
    valueBytes: 8,
    timeoutMs: 100,
    patienceMs: 0,
  });
  await wide.start(client);
  return wide.members(replicas);
}

test('members that hold what was acknowledged are well', async () => {
  const report = await reportOf(members().client);
  expect(report).toMatchObject({ keys: 40, reads: 120, wrong: [], different: [], missing: [] });
  expect(report.acknowledged).toBeGreaterThanOrEqual(40);
});

test('a member that lacks a write shows, although the others have it', async () => {
  const spoiled = members((node, key, value) => (node === 'b' && key === 'wide/7' ? undefined : value));
  const { wrong, different } = await reportOf(spoiled.client);
  expect(wrong).toEqual([expect.stringMatching(/^wide\/7 at b: nothing, acknowledged \d+$/)]);
  expect(different).toHaveLength(1);
});

test('a value that every member has lost shows', async () => {
  const spoiled = members((_, key, value) => (key === 'wide/7' ? undefined : value));
  const { wrong, different } = await reportOf(spoiled.client);
  expect([wrong.length, different.length]).toEqual([3, 0]);
});

test('a write without an answer may be there or not, but the members must agree', async () => {
  for (const taken of [true, false]) {
    const { client, held } = members();
    const put = client.put.bind(client);
    let first = true;
    client.put = async (key, value, options) => {
      if (key !== 'wide/7') return put(key, value, options);
      if (taken && first) await put(key, value, options);
      first = false;
      throw new ChainError('DEADLINE_EXCEEDED', 'no answer', { outcome: 'indefinite' });
    };
    expect(await reportOf(client)).toMatchObject({ wrong: [], different: [], missing: [] });
    held.get('c')?.set('wide/7', '1000000 ');
    const wide = await reportOf(client);
    expect(wide.different).toHaveLength(1);
  }
});

test('a chain that is short, and a member that does not answer, are no success', async () => {
  expect((await reportOf(members().client, 4)).missing).toHaveLength(21);
  const { client } = members();
  client.get = async () => {
    throw new ChainError('UNAVAILABLE', 'gone');
  };
  expect((await reportOf(client)).missing.length).toBeGreaterThan(20);
});
