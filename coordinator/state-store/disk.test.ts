import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openDiskStateStore } from './disk.ts';
import { stateStoreCases } from './state-store.contract.ts';

const hooks = vi.hoisted(() => ({ beforeLink: async (): Promise<void> => {} }));
vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>();
  const link: typeof fs.link = async (from, to) => {
    await hooks.beforeLink();
    return fs.link(from, to);
  };
  return { ...fs, link };
});

const folderOf = (): Promise<string> => mkdtemp(join(tmpdir(), 'chain-state-'));

describe('the state store on disk', () => {
  for (const { name, run } of stateStoreCases)
    test(name, async () => {
      const folder = await folderOf();
      await run({ open: () => openDiskStateStore(folder), clear: () => rm(folder, { recursive: true }) });
    });
});

describe('the folder of the state', () => {
  test('keeps some older contents and cleans the rest, drafts included', async () => {
    const folder = await ownFolder();
    const store = await openDiskStateStore(folder);
    let tag: string | null = null;
    for (let i = 0; i < 30; i++) {
      const written = await store.write('state', `${i}`, tag);
      tag = written.kind === 'written' ? written.tag : null;
    }
    const files = await readdir(folder);
    expect(files).toHaveLength(9);
    expect(files).toContain('state.30.json');
  });

  test('a writer that slept while its number was made and cleaned away learns that it does not know', async () => {
    const folder = await ownFolder();
    const store = await openDiskStateStore(folder);
    const one = await store.write('state', 'one', null);
    // It looked when 1 was the newest; while it slept the others went on to 50 and cleaned up.
    hooks.beforeLink = () => writeFile(join(folder, 'state.50.json'), 'fifty');
    onTestFinished(() => {
      hooks.beforeLink = async () => {};
    });
    await expect(store.write('state', 'two', one.kind === 'written' ? one.tag : '')).rejects.toThrow(
      /read again/,
    );
    expect(await store.read('state')).toMatchObject({ value: 'fifty', tag: expect.stringMatching(/^50-/) });
  });

  test('a tag never comes back: not when the folder was emptied, nor when a file is replaced under its number', async () => {
    const folder = await ownFolder();
    const store = await openDiskStateStore(folder);
    const seen = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const written = await store.write('state', 'the same', null);
      if (written.kind !== 'written') throw new Error(written.kind);
      expect((await store.read('state')).tag).toBe(written.tag);
      for (const old of seen)
        expect(await store.write('state', 'over it', old)).toEqual({ kind: 'conflict' });
      seen.add(written.tag);
      await writeFile(join(folder, 'other'), 'the same');
      await rename(join(folder, 'other'), join(folder, 'state.1.json'));
      expect(await store.write('state', 'over it', written.tag)).toEqual({ kind: 'conflict' });
      await rm(join(folder, 'state.1.json'));
    }
    expect(seen.size).toBe(3);
  });

  test('what is not one of its files is left alone', async () => {
    const folder = await ownFolder();
    await writeFile(join(folder, 'state.json'), 'of somebody else');
    await writeFile(join(folder, 'state.x.json'), 'of somebody else');
    const store = await openDiskStateStore(folder);
    expect(await store.read('state')).toEqual({ value: null, tag: null });
    await store.write('state', 'one', null);
    expect(await readdir(folder)).toHaveLength(3);
  });

  test('a path that is no folder is refused in one sentence', async () => {
    const folder = await ownFolder();
    const file = join(folder, 'file');
    await writeFile(file, '');
    await expect(openDiskStateStore(file)).rejects.toThrow(/state folder .* cannot be used/);
  });
});

async function ownFolder(): Promise<string> {
  const folder = await folderOf();
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

test('a full disk fails that save with a sentence, and takes it when there is room', async ({ skip }) => {
  const folder = await folderOf();
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    await rm(folder, { recursive: true });
    const reason = `no small file system can be mounted here: ${(error as Error).message.split('\n').at(1) ?? error}`;
    console.warn(`skipped: ${reason}`);
    return skip(reason);
  }
  try {
    const store = await openDiskStateStore(folder);
    const filler = join(folder, 'filler');
    await writeFile(filler, Buffer.alloc(512 * 1024)).catch(() => {});
    await expect(store.write('state', '{}', null)).rejects.toThrow(
      /the state cannot be saved in .*: ENOSPC.*make room on it/,
    );
    expect(await readdir(folder)).toEqual(['filler']);
    await rm(filler);
    expect(await store.write('state', '{}', null)).toMatchObject({ kind: 'written' });
  } finally {
    execFileSync('/bin/umount', [folder]);
    await rm(folder, { recursive: true });
  }
});
