/** The coordinators' state is deleted, put back or damaged, with real processes over real folders: nothing is lost. */
import { copyFile, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestCluster } from './cluster.fixture.ts';
import { RawClient } from './raw-client.ts';

let cluster: TestCluster;
let client: RawClient;
let written = 0;

beforeEach(async () => {
  written = 0;
  cluster = await TestCluster.make({ slots: 4 });
  await cluster.startCoordinator('c1');
  for (const name of ['n1', 'n2', 'n3']) await cluster.startNode(name);
  await cluster.full();
  client = new RawClient(cluster.addresses);
  await write(20);
});

afterEach(async () => {
  client.close();
  await cluster.end();
});

const folder = (): string => join(cluster.folder, 'state');
const stateFiles = async (): Promise<string[]> =>
  (await readdir(folder())).filter((name) => name.startsWith('state.')).map((name) => join(folder(), name));

async function write(count: number): Promise<void> {
  for (const end = written + count; written < end; written++)
    expect(await client.put(`key ${written}`, `${written}`)).toMatchObject({ kind: 'written' });
}

async function readAll(): Promise<void> {
  for (let i = 0; i < written; i++) expect(await client.get(`key ${i}`)).toBe(`${i}`);
}

async function killCoordinator(): Promise<void> {
  await cluster.coordinators.get('c1')?.kill();
  cluster.coordinators.clear();
}

/** What an operator does, with the sentence of the view in hand. */
async function recover(): Promise<void> {
  await cluster.until('an orphan', (v) => v.trouble?.reason === 'StateLost' && v.trouble.clusterId !== '');
  const { trouble } = cluster.view();
  expect(trouble?.message).toContain(`chainctl recover --cluster-id ${trouble?.clusterId}`);
  const host = cluster.coordinators.get('c1')?.host;
  const order = {
    kind: 'recover',
    clusterId: trouble?.clusterId ?? '',
    giveUp: [],
    giveUpSlots: [],
  } as const;
  await expect.poll(() => host?.command(order), { timeout: 20_000 }).toMatchObject({ ok: true });
  await cluster.full();
  await write(5);
  await readAll();
}

test('deleted while no coordinator runs: reads and writes go on, and recover takes everything up again', async () => {
  const { clusterId } = cluster.view();
  await killCoordinator();
  for (const file of await stateFiles()) await rm(file);
  await cluster.startCoordinator('c1');
  await cluster.until('an orphan', (v) => v.trouble !== null);
  await write(5);
  await readAll();
  await recover();
  expect(cluster.view().clusterId).toBe(clusterId);
});

test('deleted under a living leader: it is written again, and a restart finds it', async () => {
  const { clusterId, epoch } = cluster.view();
  for (const file of await stateFiles()) await rm(file);
  await expect.poll(stateFiles, { timeout: 20_000 }).not.toEqual([]);
  await killCoordinator();
  await cluster.startCoordinator('c1');
  await cluster.full();
  expect(cluster.view()).toMatchObject({ clusterId, epoch: epoch + 1, trouble: null });
  await readAll();
});

test('an older one put back while no coordinator runs: no election makes it the newest', async () => {
  const backup = join(cluster.folder, 'backup');
  await mkdir(backup);
  for (const file of await stateFiles()) await copyFile(file, join(backup, basename(file)));
  await cluster.kill('n3');
  await cluster.until('two members', (v) => v.chains.every((c) => c.members.length === 2));
  await cluster.startNode('n3', { init: false });
  await cluster.full();
  await write(5);
  await killCoordinator();
  await rm(folder(), { recursive: true });
  await cp(backup, folder(), { recursive: true });
  for (let elections = 0; elections < 3; elections++) {
    await cluster.startCoordinator('c1');
    await cluster.until('an orphan', (v) => v.trouble !== null);
    await killCoordinator();
  }
  await cluster.startCoordinator('c1');
  await recover();
});

test('damaged: a sentence, nothing written over it, and recover', async () => {
  await killCoordinator();
  const newest = (await stateFiles()).sort((a, b) => a.length - b.length || a.localeCompare(b)).at(-1) ?? '';
  await writeFile(newest, '{"format":2,');
  const before = await stateFiles();
  await cluster.startCoordinator('c1');
  await cluster.until('an orphan', (v) => v.trouble !== null);
  expect(cluster.view().trouble?.message).toContain('is no JSON');
  expect(await stateFiles()).toEqual(before);
  await recover();
});
