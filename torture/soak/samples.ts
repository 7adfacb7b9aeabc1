/** What every process holds, looked at again and again. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { figuresOf } from '../rig/admin.ts';
import type { Rig } from '../rig/rig.ts';

export interface Sample {
  readonly name: string;
  readonly seconds: number;
  readonly memoryMiB: number;
  readonly heapMiB: number;
  readonly handles: number;
  readonly loopDelayMs: number;
  /** Of its own folder; NaN for coordinators. */
  readonly diskMiB: number;
}

export type Figure = Exclude<keyof Sample, 'name' | 'seconds'>;

const mebibyte = 1_048_576;

export async function takeSamples(rig: Rig, seconds: number): Promise<Sample[]> {
  const samples = await Promise.all(
    [...rig.coordinators, ...rig.nodes].map(async (plan): Promise<Sample[]> => {
      const figures = await figuresOf(plan);
      if (figures === null) return [];
      const diskMiB = plan.role === 'node' ? (await bytesOf(plan.folder)) / mebibyte : Number.NaN;
      return [
        {
          name: plan.name,
          seconds,
          memoryMiB: figures.residentBytes / mebibyte,
          heapMiB: figures.heapBytes / mebibyte,
          handles: figures.handles,
          loopDelayMs: figures.loopDelayMs,
          diskMiB,
        },
      ];
    }),
  );
  return samples.flat();
}

async function bytesOf(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []))
    if (entry.isFile())
      sum += await lstat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      );
  return sum;
}
