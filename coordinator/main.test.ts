import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chain-main-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the process to its end. */
function run(...args: string[]) {
  const main = join(import.meta.dirname, 'main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '' },
  });
  return { status, stdout, stderr };
}

test('a file with mistakes ends it with the code of configuration errors, all mistakes said', async () => {
  const file = join(folder, 'cluster.json');
  await writeFile(file, JSON.stringify({ cluster: 'demo', slots: -1, coordinators: ['nowhere'] }));
  const { status, stdout, stderr } = run('--config', file);
  expect({ status, stdout }).toEqual({ status: 78, stdout: '' });
  expect(stderr).toContain('slots is -1; it must be a whole number from 1 to 4096');
  expect(stderr).toContain('coordinators names nowhere; write host:port');
});

test('a state folder that cannot be made ends it with a sentence in the log', async () => {
  const path = join(folder, 'file');
  await writeFile(path, '');
  const file = join(folder, 'other.json');
  const stateStore = { kind: 'disk', path };
  await writeFile(file, JSON.stringify({ cluster: 'demo', coordinators: ['127.0.0.1:1'], stateStore }));
  const { status, stdout } = run('--config', file);
  expect(status).toBe(1);
  expect(JSON.parse(stdout.trim())).toMatchObject({
    event: 'coordinator.ended',
    why: expect.stringContaining(`the state folder ${path} cannot be used`),
  });
});
