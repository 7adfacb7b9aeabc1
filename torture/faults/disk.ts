/** A small disk for one node, and what fills it. */
import { spawnSync } from 'node:child_process';
import { mkdir, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Mounts memory of this size as a file system. '' = done, else why not. */
export async function mountSmallDisk(folder: string, mebibytes: number): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { status, stderr, error } = spawnSync(
    'mount',
    ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder],
    { encoding: 'utf8' },
  );
  return status === 0 ? '' : (error?.message ?? stderr.trim());
}

export function unmount(folder: string): void {
  spawnSync('umount', ['-l', folder]);
}

/** Fills the disk of a folder to this share of free space for a while. */
export async function fillDisk(folder: string, freeShare: number, ms: number): Promise<void> {
  const path = join(folder, 'filler');
  const file = await open(path, 'w');
  try {
    const { blocks, bavail, bsize } = await statfs(folder);
    const block = Buffer.alloc(65_536, 0x5f);
    for (let left = bavail * bsize - freeShare * blocks * bsize; left > 0; left -= block.length)
      await file.write(block.subarray(0, Math.min(left, block.length)));
  } catch (error) {
    // Full: that is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
  await sleep(ms);
  await rm(path, { force: true });
}
