import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readNodeSettings } from './config.ts';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chain-config-'));
  file = join(folder, 'cluster.json');
  await writeFile(file, JSON.stringify({ cluster: 'demo', coordinators: ['127.0.0.1:7410'] }));
});
afterAll(() => rm(folder, { recursive: true }));

test('a pod needs no flags', async () => {
  const settings = await readNodeSettings([], {
    CHAIN_CONFIG: file,
    DATA_DIR: '/data',
    CHAIN_INIT: 'true',
    POD_NAME: 'demo-node-0',
    POD_IP: '10.0.0.7',
    NODE_NAME: 'machine',
    ZONE: 'east',
  });
  expect(settings).toMatchObject({
    name: 'demo-node-0',
    data: '/data',
    init: true,
    advertise: '10.0.0.7',
    ports: { link: 7400, grpc: 7401, admin: 7402 },
    zone: 'east',
    host: 'machine',
  });
});

test('flags win, and the other ports follow the first', async () => {
  const args = ['--config', file, '--data', 'd', '--name', 'n1', '--port', '9000', '--admin-port', '1'];
  const settings = await readNodeSettings(args, { POD_NAME: 'other', DATA_DIR: 'other' });
  expect(settings).toMatchObject({
    name: 'n1',
    data: 'd',
    init: false,
    ports: { link: 9000, grpc: 9001, admin: 1 },
  });
});

test('free ports are free for all three', async () => {
  const settings = await readNodeSettings(['--config', file, '--data', 'd', '--port', '0'], {});
  expect(settings.ports).toEqual({ link: 0, grpc: 0, admin: 0 });
});

test.each([
  ['nothing', [], '--config is missing'],
  ['no folder', ['--config', 'FILE'], '--data is missing'],
  ['a name with a slash', ['--config', 'FILE', '--data', 'd', '--name', 'a/b'], '--name is "a/b"'],
  ['a port out of range', ['--config', 'FILE', '--data', 'd', '--port', '70000'], '--port is "70000"'],
  ['no weight', ['--config', 'FILE', '--data', 'd', '--weight', '0'], '--weight is "0"'],
  ['a value without a flag', ['FILE'], 'Unexpected argument'],
])('%s is refused with a sentence', async (_, args, sentence) => {
  const real = args.map((arg) => (arg === 'FILE' ? file : arg));
  await expect(readNodeSettings(real, {})).rejects.toThrow(sentence);
});
