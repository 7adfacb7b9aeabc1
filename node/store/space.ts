/** How much room the disk of a store has left, so that writes are refused by policy before the disk refuses them (P65). */
import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SpaceLevel } from '../../protocol/messages.ts';

/** Free bytes below which there is too little room. */
export interface SpaceMarks {
  readonly low: number;
  readonly full: number;
  /** Below it the node writes nothing at all: LevelDB's own work takes what is left, and must not fail. */
  readonly least: number;
}

export interface SpaceOptions {
  readonly folder: string;
  /** By the size of the volume. */
  readonly marks?: (sizeBytes: number) => SpaceMarks;
}

export interface Space {
  readonly level: SpaceLevel;
  readonly freeBytes: number;
  readonly sizeBytes: number;
  readonly marks: SpaceMarks;
}

const gibibyte = 1024 ** 3;
const mebibyte = 1024 ** 2;
/** How far above a mark the free space must rise before the mark counts as left behind. */
const backFactor = 1.2;
/** Nothing fills a disk faster, all processes on it together. */
const fillBytesPerMs = 0.5 * mebibyte;
const pauseMsLeast = 100;
const pauseMsMost = 5000;

/**
 * A part of a small volume, an amount of a large one. LevelDB writes tables anew before it deletes the old ones, at worst
 * as much again as there is, and several stores on one volume do so at the same moments. So on a small volume at least
 * half stays free of values; from some 100 MiB of tables on a compaction takes in only a part of them.
 */
export function marksOf(sizeBytes: number): SpaceMarks {
  const low = Math.max(Math.min(0.15 * sizeBytes, 4 * gibibyte), Math.min(0.5 * sizeBytes, 256 * mebibyte));
  const full = Math.max(Math.min(0.05 * sizeBytes, gibibyte), Math.min(0.25 * sizeBytes, 128 * mebibyte));
  return { low, full, least: full / 2 };
}

export function spaceLevel(free: number, marks: SpaceMarks, before: SpaceLevel = 'ok'): SpaceLevel {
  // A mark that was passed is left behind only with some room to spare: a disk at the mark must not go to and fro.
  const below = (mark: number, passed: boolean): boolean => free < mark * (passed ? backFactor : 1);
  if (below(marks.full, before === 'full')) return 'full';
  return below(marks.low, before !== 'ok') ? 'low' : 'ok';
}

/** Looks once. Rejects when the file system does not answer. */
export async function lookAtSpace(
  { folder, marks: marksBySize = marksOf }: SpaceOptions,
  before: SpaceLevel = 'ok',
): Promise<Space> {
  const found = await statfs(folder);
  const freeBytes = found.bavail * found.bsize;
  const sizeBytes = found.blocks * found.bsize;
  const marks = marksBySize(sizeBytes);
  return { level: spaceLevel(freeBytes, marks, before), freeBytes, sizeBytes, marks };
}

/** The less is left, the sooner: no disk passes the low mark long before it is looked at. */
export function pauseAfter({ freeBytes, marks }: Space): number {
  const fullInMs = (freeBytes - marks.low) / fillBytesPerMs;
  return Math.min(pauseMsMost, Math.max(pauseMsLeast, fullInMs));
}

/**
 * Looks again and again, and tells each look (the first one at once), until the signal aborts. A look that fails is
 * told as `full`: a disk that does not answer has no room.
 */
export async function watchSpace(
  options: SpaceOptions,
  signal: AbortSignal,
  tell: (space: Space) => void,
): Promise<void> {
  let before: SpaceLevel = 'ok';
  while (!signal.aborted) {
    const space: Space = await lookAtSpace(options, before).catch(() => noAnswer);
    before = space.level;
    if (!signal.aborted) tell(space);
    // Rejects when the signal aborts, which ends the loop.
    await sleep(pauseAfter(space), undefined, { signal, ref: false }).catch(() => {});
  }
}

const noMarks: SpaceMarks = { low: 0, full: 0, least: 0 };
const noAnswer: Space = { level: 'full', freeBytes: 0, sizeBytes: 0, marks: noMarks };
/** Before the first look. */
export const notLooked: Space = { level: 'ok', freeBytes: 0, sizeBytes: 0, marks: noMarks };

/** Whether a store failed for want of room, by its words: then a new start helps once there is some. */
export const isForWantOfRoom = (why: string): boolean =>
  /ENOSPC|EDQUOT|No space left on device|quota exceeded/i.test(why);
