import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCoordinatorSettings } from './config.ts';

let folder: string;
let one: string;
let three: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chain-config-'));
  one = join(folder, 'one.json');
  three = join(folder, 'three.json');
  const stateStore = { kind: 'disk', path: 'state' };
  await writeFile(one, JSON.stringify({ cluster: 'demo', coordinators: ['127.0.0.1:7410'], stateStore }));
  const coordinators = ['c-0.svc:7410', 'c-1.svc:7410', 'c-10.svc:7410'];
  await writeFile(three, JSON.stringify({ cluster: 'demo', coordinators, stateStore }));
});
afterAll(() => rm(folder, { recursive: true }));

test('the only coordinator needs no more than the file', async () => {
  const settings = await readCoordinatorSettings(['--config', one], {});
  expect(settings).toMatchObject({
    name: '127.0.0.1:7410',
    address: '127.0.0.1:7410',
    ports: { link: 7410, grpc: 7411, admin: 7412 },
  });
});

test('a pod finds its own address by its name', async () => {
  const settings = await readCoordinatorSettings([], { CHAIN_CONFIG: three, POD_NAME: 'c-1' });
  expect(settings).toMatchObject({ name: 'c-1', address: 'c-1.svc:7410' });
});

test.each([
  ['no file', [], '--config is missing'],
  ['an unknown flag', ['--konfig', 'x'], "Unknown option '--konfig'"],
  ['a port that is none', ['--config', 'ONE', '--port', 'x'], '--port is "x"'],
  [
    'a foreign address',
    ['--config', 'ONE', '--address', 'other:1'],
    '--address other:1 is not one of the coordinators',
  ],
  [
    'one of three without a name',
    ['--config', 'THREE', '--name', 'c-2'],
    "no coordinator's address begins with c-2",
  ],
])('%s is refused with a sentence', async (_, args, sentence) => {
  const real = args.map((arg) => ({ ONE: one, THREE: three })[arg] ?? arg);
  await expect(readCoordinatorSettings(real, {})).rejects.toThrow(sentence);
});

test('a file without a state store is refused', async () => {
  const file = join(folder, 'none.json');
  await writeFile(file, JSON.stringify({ cluster: 'demo', coordinators: ['h:1'] }));
  await expect(readCoordinatorSettings(['--config', file], {})).rejects.toThrow('stateStore is missing');
});
