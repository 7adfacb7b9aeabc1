import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chain-main-'));
  file = join(folder, 'cluster.json');
  await writeFile(file, JSON.stringify({ cluster: 'demo', coordinators: ['127.0.0.1:1'] }));
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

test('--help says how it is used', () => {
  const { status, stdout } = run('--help');
  expect(status).toBe(0);
  expect(stdout).toContain('--config FILE');
});

test('a wrong configuration ends with its own code and one sentence a line', () => {
  expect(run()).toEqual({
    status: 78,
    stdout: '',
    stderr:
      'node: --config is missing: name the configuration file of the cluster\nnode: --data is missing: name the folder of the store\n',
  });
});

test('a folder without a store ends it with a sentence in the log', () => {
  const { status, stdout } = run(
    '--config',
    file,
    '--data',
    join(folder, 'none'),
    '--name',
    'n1',
    '--port',
    '0',
  );
  expect(status).toBe(1);
  const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  expect(last).toMatchObject({ level: 'error', event: 'node.ended', component: 'node', instance: 'n1' });
  expect(last.why).toMatch(/holds no store.*--init/);
});
