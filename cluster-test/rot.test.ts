/** Damage of one node's disk among three: records answered and repaired by others, a whole store set aside. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ran, shellIn } from '../cli/shell.fixture.ts';
import { databaseOf } from '../node/store/database.ts';
import { raw } from '../node/store/store.folders.ts';
import type { ScrubView } from '../protocol/node/contract.ts';
import { nodeName } from '../protocol/words.ts';
import { TestCluster } from './cluster.fixture.ts';
import { RawClient } from './raw-client.ts';

const names = ['n1', 'n2', 'n3'];
const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`);
let cluster: TestCluster;
let client: RawClient;

beforeEach(async () => {
  cluster = await TestCluster.make();
  await cluster.startCoordinator('c1');
  for (const name of names) await cluster.startNode(name);
  await cluster.full();
  client = new RawClient(cluster.addresses);
  for (const k of keys) expect(await client.put(k, `value of ${k}`)).toMatchObject({ kind: 'written' });
});
afterEach(async () => {
  client.close();
  await cluster.end();
});

const folderOf = (name: string): string => join(cluster.folder, name);
const count = (event: string): number => cluster.logged.filter((l) => l.event === event).length;

/** The node starts again, and is a member of every chain under its new incarnation. */
async function back(name: string): Promise<void> {
  const node = await cluster.startNode(name, { init: false });
  const isMember = ({ members }: { members: readonly { node: string; incarnation: number }[] }): boolean =>
    members.some((m) => m.node === name && m.incarnation === node.host.core.incarnation);
  await cluster.until(`${name} is back`, (v) => v.chains.every((c) => c.full && isMember(c)));
}

/** One bit of every stored value of the node is flipped while it is down. */
async function rot(name: string): Promise<number> {
  let flipped = 0;
  await raw(folderOf(name), async (database) => {
    for await (const [at, value] of database.iterator({
      gte: Buffer.from('val/'),
      lt: Buffer.from('val0'),
    })) {
      const record = Buffer.from(value);
      record[(flipped * 37) % record.length]! ^= 1 << (flipped % 8);
      await database.put(at, record, { sync: true });
      flipped++;
    }
  });
  return flipped;
}

test('every record of one node rots: it answers all of them, and repairs them', async () => {
  await cluster.kill('n2');
  // What was applied last may be in the log only.
  const rotten = await rot('n2');
  expect(rotten).toBeGreaterThan(keys.length / 2);
  await back('n2');
  for (const k of keys) expect(await client.get(k, nodeName('n2'))).toBe(`value of ${k}`);
  expect(count('record.damaged')).toBe(rotten);
  await expect.poll(() => count('record.repaired'), { timeout: 20_000 }).toBe(rotten);
  for (const k of keys) expect(await client.get(k, nodeName('n2'))).toBe(`value of ${k}`);
  for (const k of keys) expect(await client.put(k, `new ${k}`)).toMatchObject({ kind: 'written' });
  for (const k of keys) for (const n of names) expect(await client.get(k, nodeName(n))).toBe(`new ${k}`);
  expect(count('record.damaged')).toBe(rotten);
});

test('a scrub that a person asks for finds and repairs all of it before anybody reads', async () => {
  await cluster.kill('n2');
  const rotten = await rot('n2');
  await back('n2');
  // An endpoint is a port of links; gRPC is expected one above.
  const endpoint = `127.0.0.1:${(cluster.nodes.get('n1')?.ports.grpc ?? 0) - 1}`;
  const shell = shellIn({ workingFolder: cluster.folder, env: { CHAIN_ENDPOINTS: endpoint } });
  // On a busy machine the coordinator may be without its lease for a moment.
  const told = (args: string[], code: number): Promise<Ran> =>
    until(
      () => shell(args),
      (ran) => ran.code === code,
    );
  const status = async (): Promise<ScrubView> =>
    JSON.parse((await told(['scrub', '--status', '--node', 'n2', '--output', 'json'], 0)).out).nodes[0].scrub;
  // A slot whose chain just takes the node in is passed by: the next pass reads it.
  await until(
    async () => {
      expect((await told(['scrub', '--node', 'n2'], 0)).out).toContain('1 node begins a pass');
      const { passes } = await status();
      await until(status, (s) => s.passes > passes);
      return (await status()).repaired;
    },
    (repaired) => repaired === rotten,
  );
  expect(await status()).toMatchObject({ repaired: rotten, repairing: 0, nowhere: 0 });
  const table = await told(['scrub', '--status'], 0);
  expect(table.out).toMatch(/^NODE +PASS +LAST/);
  expect(table.out).toMatch(new RegExp(`^n2 +none +\\S+ +\\d+ +\\d+ +0 +${rotten} +0 `, 'm'));
  expect((await told(['scrub', '--node', 'n9'], 2)).err).toContain('nodes: n1, n2, n3');
  for (const k of keys) expect(await client.get(k, nodeName('n2'))).toBe(`value of ${k}`);
  await cluster.kill('n3');
  const silent = await until(
    () => shell(['scrub']),
    (ran) => ran.err.includes('n3'),
  );
  expect(silent).toMatchObject({ code: 4, err: expect.stringContaining('n3 did not answer') });
});

async function until<T>(look: () => Promise<T>, holds: (found: T) => boolean): Promise<T> {
  for (let i = 0; ; i++) {
    const found = await look();
    if (holds(found) || i === 20) return found;
    await sleep(200);
  }
}

test('a store that cannot be opened is set aside, and the node comes back blank', async () => {
  await cluster.kill('n3');
  await rm(join(databaseOf(folderOf('n3')), 'CURRENT'));
  await back('n3');
  expect(count('store.set-aside')).toBe(1);
  expect(await readFile(join(folderOf('n3'), 'damaged/why.txt'), 'utf8')).toContain('CURRENT is missing');
  const endpoint = `127.0.0.1:${(cluster.nodes.get('n1')?.ports.grpc ?? 0) - 1}`;
  const shell = shellIn({ workingFolder: cluster.folder, env: { CHAIN_ENDPOINTS: endpoint } });
  const shown = await until(
    () => shell(['status']),
    (ran) => ran.code === 0,
  );
  expect(shown.out).toMatch(/n3 says: its store was set aside in .*damaged: .*CURRENT is missing/);
  for (const k of keys) expect(await client.get(k, nodeName('n3'))).toBe(`value of ${k}`);
});
