/** How much room the disk of a store has left, so that writes are refused by policy before the disk refuses them (P65). */
import { open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SpaceLevel } from '../../protocol/messages.ts';

/** Free space below the smaller of both is too little: a part of a small volume, an amount of a large one. */
export interface SpaceMark {
  readonly fraction: number;
  readonly bytes: number;
}

export interface SpaceOptions {
  readonly folder: string;
  /** @default 15 %, at most 4 GiB */
  readonly low?: SpaceMark;
  /** @default 5 %, at most 1 GiB */
  readonly full?: SpaceMark;
  /**
   * Size of a file that is deleted once the disk is full, to give LevelDB room for compaction, and made again when
   * there is room. 0 = none. @default 0
   */
  readonly ballastBytes?: number;
}

export interface Space {
  readonly level: SpaceLevel;
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

const gibibyte = 1024 ** 3;
const mebibyte = 1024 ** 2;
/** How far above a mark the free space must rise before the mark counts as left behind. */
const backFactor = 1.2;
const defaultLow: SpaceMark = { fraction: 0.15, bytes: 4 * gibibyte };
const defaultFull: SpaceMark = { fraction: 0.05, bytes: gibibyte };

export function spaceLevel(
  free: number,
  size: number,
  low: SpaceMark = defaultLow,
  full: SpaceMark = defaultFull,
  before: SpaceLevel = 'ok',
): SpaceLevel {
  // A mark that was passed is left behind only with some room to spare: a disk at the mark must not go to and fro.
  const below = (mark: SpaceMark, passed: boolean): boolean =>
    free < Math.min(mark.fraction * size, mark.bytes) * (passed ? backFactor : 1);
  if (below(full, before === 'full')) return 'full';
  return below(low, before !== 'ok') ? 'low' : 'ok';
}

/** Looks once, and sees to the ballast. Rejects when the file system does not answer. */
export async function lookAtSpace(
  { folder, low, full, ballastBytes = 0 }: SpaceOptions,
  before: SpaceLevel = 'ok',
): Promise<Space> {
  const found = await statfs(folder);
  const freeBytes = found.bavail * found.bsize;
  const sizeBytes = found.blocks * found.bsize;
  const level = spaceLevel(freeBytes, sizeBytes, low, full, before);
  if (ballastBytes > 0) await seeToBallast(join(folder, 'ballast'), level, freeBytes, ballastBytes);
  return { level, freeBytes, sizeBytes };
}

/**
 * Looks again and again, and tells each look (the first one at once), until the signal aborts. A look that fails is
 * told as `full`: a disk that does not answer has no room.
 */
export async function watchSpace(
  options: SpaceOptions,
  everyMs: number,
  signal: AbortSignal,
  tell: (space: Space) => void,
): Promise<void> {
  let before: SpaceLevel = 'ok';
  while (!signal.aborted) {
    const space: Space = await lookAtSpace(options, before).catch(
      (): Space => ({ level: 'full', freeBytes: 0, sizeBytes: 0 }),
    );
    before = space.level;
    if (!signal.aborted) tell(space);
    // Rejects when the signal aborts, which ends the loop.
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
  }
}

async function seeToBallast(path: string, level: SpaceLevel, free: number, bytes: number): Promise<void> {
  if (level === 'full') await rm(path, { force: true });
  else if (level === 'ok' && free > 4 * bytes && (await sizeOf(path)) < bytes)
    await writeBallast(path, bytes);
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    (found) => found.size,
    () => 0,
  );

/** Written, not only sized: a file with holes would give nothing back. */
async function writeBallast(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    const block = Buffer.alloc(mebibyte, 0xb5);
    for (let left = bytes; left > 0; left -= block.length)
      await file.write(block.subarray(0, Math.min(left, block.length)));
  } finally {
    await file.close();
  }
}
