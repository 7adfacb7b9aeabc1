import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { createStore } from './identity.ts';
import { Folders } from './store.folders.ts';
import { append, apply, batch, Head } from './store.samples.ts';
import type { Store } from './store.ts';
import { Writes } from './writes.ts';

const folders = new Folders();
afterEach(async () => {
  vi.restoreAllMocks();
  await folders.clean();
});

/** Mounts a small file system; says why when it cannot. */
function mountSmall(folder: string): string | null {
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return `no small file system can be mounted here: ${(error as Error).message.split('\n').at(1) ?? error}`;
  }
}

/** Puts one entry a batch until a write fails or there are `count`; the number of acknowledged ones. */
async function fill(store: Store, head: Head, count: number): Promise<number> {
  for (let i = 0; i < count; i++) {
    const entry = head.put(`key-${i % 100}`, 'x'.repeat(900));
    try {
      await store.write(batch(append(entry), apply(entry)));
    } catch {
      return i;
    }
  }
  return count;
}

/** What the raw library loses in this way: every write that it acknowledges after the one that failed. */
test('a disk that fills up and gets room again costs no acknowledged write', async ({ skip }) => {
  const folder = join(await folders.empty(), 'small');
  await mkdir(folder);
  const reason = mountSmall(folder);
  if (reason !== null) {
    console.warn(`skipped: ${reason}`);
    return skip(reason);
  }
  try {
    await createStore(folder, 'test');
    const { store } = await folders.open(folder);
    const head = new Head(1);
    const before = await fill(store, head, 300);
    expect(before).toBe(300);
    const ballast = join(folder, 'filler');
    await writeFile(ballast, Buffer.alloc(8 * 1024 * 1024)).catch(() => {});
    const during = await fill(store, head, 5000);
    expect(during).toBeLessThan(5000);
    expect(store.stats()).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('No space left'),
    });
    await rm(ballast);
    expect(await fill(store, head, 500)).toBe(0);
    const image = await folders.image(folder);
    const { boot } = await folders.open(image);
    // The write that failed may be there: it was not acknowledged, nor denied.
    expect([before + during, before + during + 1]).toContain(boot.slots[0]!.log.length);
  } finally {
    await folders.close(folder).finally(() => execFileSync('/bin/umount', [folder]));
  }
});

test('after a write that failed nothing reaches the disk any more', async () => {
  const folder = await folders.created();
  const { store } = await folders.open(folder);
  const head = new Head(1);
  expect(await fill(store, head, 20)).toBe(20);
  const write = vi.spyOn(Writes.prototype, 'write');
  write.mockRejectedValueOnce(
    Object.assign(new Error('IO error: 000003.log: Input/output error'), { code: 'LEVEL_IO_ERROR' }),
  );
  expect(await fill(store, head, 1)).toBe(0);
  const calls = write.mock.calls.length;
  expect(await fill(store, head, 5)).toBe(0);
  expect(write.mock.calls.length).toBe(calls);
  expect(store.stats().reason).toBe('a write failed: IO error: 000003.log: Input/output error');
});
