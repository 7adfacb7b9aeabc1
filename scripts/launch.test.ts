import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { whyInstall } from './launch.mjs';

const launcher = join(import.meta.dirname, 'launch.mjs');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'launch-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the launcher', () => {
  test('runs TypeScript with Node 24 in the working directory of its caller, with the arguments given', () => {
    const entry = write(
      'entry.ts',
      'console.log(process.versions.node, process.cwd(), process.argv.slice(2) as string[])',
    );
    const run = spawnSync(process.execPath, [launcher, entry, 'a', '--b c'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(run.stdout).toMatch(/^24\./);
    expect(run.stdout).toContain(folder);
    expect(run.stdout).toContain("[ 'a', '--b c' ]");
    expect(run.status).toBe(0);
  });

  test('ends with the exit code of what it ran', () => {
    const run = spawnSync(process.execPath, [launcher, write('entry.ts', 'process.exit(7)')]);
    expect(run.status).toBe(7);
  });

  test('ends by the signal that ended what it ran', () => {
    const run = spawnSync(process.execPath, [
      launcher,
      write('entry.ts', "process.kill(process.pid, 'SIGKILL')"),
    ]);
    expect(run.signal).toBe('SIGKILL');
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'passes %s on, once, and waits for the end',
    async (signal) => {
      const entry = write(
        'entry.ts',
        `let count = 0;
       process.on('${signal}', () => { count += 1; setTimeout(() => process.exit(40 + count), 100); });
       setInterval(() => {}, 1000);
       console.log('ready');`,
      );
      const child = spawn(process.execPath, [launcher, entry], { stdio: ['ignore', 'pipe', 'inherit'] });
      await firstOutput(child);
      child.kill(signal);
      const [code] = await once(child, 'exit');
      expect(code).toBe(41);
    },
  );

  test('says how it is used when it is told nothing', () => {
    const run = spawnSync(process.execPath, [launcher], { encoding: 'utf8' });
    expect(run.stderr).toContain('usage: node scripts/launch.mjs ENTRY.ts');
    expect(run.status).toBe(1);
  });
});

describe('an installation', () => {
  const locked = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b-on-another-platform': { version: '1.0.0', optional: true },
  };
  const installed = { 'node_modules/a': { version: '1.0.0' } };

  test('is needed when nothing is installed', () => {
    lockfiles(locked, undefined);
    expect(whyInstall(folder)).toContain('not installed yet');
  });
  test('is not needed when all but other platforms is there', () => {
    lockfiles(locked, installed);
    expect(whyInstall(folder)).toBeUndefined();
  });
  test('is needed when a package has another version', () => {
    lockfiles(locked, { 'node_modules/a': { version: '1.0.1' } });
    expect(whyInstall(folder)).toContain('differ from package-lock.json');
  });
  test('is needed when a package is missing', () => {
    lockfiles({ ...locked, 'node_modules/c': { version: '2.0.0' } }, installed);
    expect(whyInstall(folder)).toContain('differ from package-lock.json');
  });
});

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function lockfiles(locked: object, installed: object | undefined): void {
  write('package-lock.json', JSON.stringify({ packages: locked }));
  if (installed === undefined) return;
  mkdirSync(join(folder, 'node_modules'));
  write('node_modules/.package-lock.json', JSON.stringify({ packages: installed }));
}

async function firstOutput(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error('the child has no standard output');
  await once(child.stdout, 'data');
}
