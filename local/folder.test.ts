import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DataFolder, letBeginBlank, readRunner } from './folder.ts';
import { checkPorts } from './free-ports.ts';
import type { Layout } from './layout.ts';
import { identityOf, isAlive } from './process-identity.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'chaincluster-folder-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const layoutOf = (change: Partial<Layout> = {}): Layout => ({
  cluster: 'demo',
  manifest: 'demo.yaml',
  slots: 64,
  replicationFactor: 3,
  dataDir: join(root, 'data'),
  logDir: join(root, 'data', 'logs'),
  configFile: join(root, 'data', 'cluster.json'),
  coordinators: [],
  nodes: [],
  ...change,
});

/** A process that was there and is not any more. */
async function deadProcess() {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' });
  const identity = identityOf(child.pid!);
  expect(isAlive(identity)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return identity;
}

describe('a data folder', () => {
  test('keeps the cluster id from start to start', async () => {
    const first = await DataFolder.take(layoutOf());
    await first.release();
    const second = await DataFolder.take(layoutOf());
    expect(second.clusterId).toBe(first.clusterId);
    await second.release();
  });

  test('has one runner at a time', async () => {
    const folder = await DataFolder.take(layoutOf());
    await expect(DataFolder.take(layoutOf())).rejects.toThrow(
      new RegExp(`data is in use: process ${process.pid} runs a cluster in it; stop that one first`),
    );
    await folder.release();
    await (await DataFolder.take(layoutOf())).release();
  });

  test('is taken over from a runner that was killed, with the processes that it left', async () => {
    const dead = await deadProcess();
    await mkdir(join(root, 'data'), { recursive: true });
    await writeFile(join(root, 'data', 'runner.lock'), JSON.stringify(dead));
    const me = identityOf(process.pid);
    const alive = { name: 'node-1', role: 'node', address: 'a', admin: 'b', identity: me };
    await writeFile(
      join(root, 'data', 'runner.json'),
      JSON.stringify({ runner: dead, processes: [alive, { ...alive, name: 'node-2', identity: dead }] }),
    );
    expect(await readRunner(join(root, 'data'))).toBeNull();
    const folder = await DataFolder.take(layoutOf());
    expect(folder.leftovers.map(({ name }) => name)).toEqual(['node-1']);
    await folder.release();
  });

  test.each([
    [{ cluster: 'other' }, /holds the data of cluster "demo", and demo\.yaml describes "other"/],
    [{ slots: 128 }, /holds a cluster of 64 slots, and demo\.yaml says 128: the number is fixed/],
  ])('of another cluster is refused: %j', async (change, message) => {
    await (await DataFolder.take(layoutOf())).release();
    await expect(DataFolder.take(layoutOf(change))).rejects.toThrow(message);
    await (await DataFolder.take(layoutOf())).release();
  });

  test('with data of nobody is refused', async () => {
    await mkdir(join(root, 'data', 'nodes'), { recursive: true });
    await expect(DataFolder.take(layoutOf())).rejects.toThrow(
      /no local\.json, so it is not known whose data this is/,
    );
  });

  test('lets a node begin blank once', async () => {
    const folder = await DataFolder.take(layoutOf());
    const store = join(root, 'data', 'nodes', 'node-1');
    expect(folder.beginsBlank('node-1', store)).toBe(true);
    await mkdir(store, { recursive: true });
    await writeFile(join(store, 'identity.json'), '{}');
    expect(folder.beginsBlank('node-1', store)).toBe(false);
    await folder.noteStores(['node-1']);
    await rm(store, { recursive: true });
    expect(folder.beginsBlank('node-1', store)).toBe(false);
    expect(JSON.parse(await readFile(join(root, 'data', 'local.json'), 'utf8'))).toMatchObject({
      nodes: ['node-1'],
    });
    await folder.release();
  });
});

test('stores of nodes that the manifest does not run any more stop the start, until a person moved them away', async () => {
  const plan = (name: string) => ({ name }) as Layout['nodes'][number];
  const first = await DataFolder.take(layoutOf({ nodes: [plan('node-1'), plan('node-2')] }));
  await first.noteStores(['node-1', 'node-2']);
  const store = join(root, 'data', 'nodes', 'node-2');
  await mkdir(store, { recursive: true });
  await writeFile(join(store, 'identity.json'), '{}');
  await first.release();
  const fewer = layoutOf({ nodes: [plan('node-1')] });
  await expect(DataFolder.take(fewer)).rejects.toThrow(
    /runs 1 nodes, .* stores of node-2 too.*write nodes: 2, start, run chainctl drain node-2, stop, move/,
  );
  await rm(store, { recursive: true });
  await (await DataFolder.take(fewer)).release();
});

test('a node whose store is lost begins blank once, when somebody says so', async () => {
  const layout = layoutOf();
  const folder = await DataFolder.take(layout);
  const store = join(layout.dataDir, 'nodes', 'node-1');
  await folder.noteStores(['node-1']);
  await mkdir(store, { recursive: true });
  await writeFile(join(store, 'identity.json'), '{}');
  await expect(letBeginBlank(layout.dataDir, 'node-2')).rejects.toThrow('there is no node node-2');
  await expect(letBeginBlank(layout.dataDir, 'node-1')).rejects.toThrow(
    /holds a store, so node-1 does not begin blank/,
  );
  await rm(store, { recursive: true });
  expect(folder.beginsBlank('node-1', store)).toBe(false);
  await letBeginBlank(layout.dataDir, 'node-1');
  expect(folder.beginsBlank('node-1', store)).toBe(true);
  expect(folder.beginsBlank('node-1', store)).toBe(false);
  await folder.release();
  await expect(letBeginBlank(root, 'node-1')).rejects.toThrow(`${root} holds no cluster`);
});

test('a port that is in use is named with what it is for', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const plan = { role: 'node', name: 'node-1', address: '', folder: '', logFile: '' } as const;
  const layout = layoutOf({ nodes: [{ ...plan, ports: { link: 0, grpc: 0, admin: port } }] });
  await expect(checkPorts(layout)).rejects.toThrow(
    `port ${port}, which node-1 needs for admin, is in use; stop what uses it, or set another spec.local.basePort in demo.yaml`,
  );
  server.close();
});
