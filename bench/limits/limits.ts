/** The limits of this machine, so that figures of a store can be judged: disk, loopback, links, LevelDB. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { get, put } from '../workload/workloads.ts';
import { type DiskLimit, syncLoop } from './disk.ts';
import { type LinkLimit, measureLinks, measureRoundTrip, type RoundTrip } from './loopback.ts';
import { measureStore, type StoreLimits } from './store-limit.ts';

export interface Limits {
  readonly disk: readonly DiskLimit[];
  readonly roundTrip: RoundTrip;
  readonly links: readonly LinkLimit[];
  readonly store: StoreLimits;
}

/** `ms` is the time for each single figure. */
export async function measureLimits(
  folder: string,
  ms: number,
  say: (what: string) => void,
): Promise<Limits> {
  mkdirSync(folder, { recursive: true });
  say('disk: appends with fdatasync');
  const disk: DiskLimit[] = [];
  for (const bytes of [512, 4096, 32_768]) disk.push(await measureDisk(folder, bytes, 1, ms));
  // A chain's members all sync to this one disk.
  disk.push(await measureDisk(folder, 4096, 3, ms));
  say('loopback: round trips between two processes');
  const roundTrip = await measureRoundTrip(ms);
  say('links: this store’s client against a node that does nothing');
  const links = await measureLinks([get, put], [1, 32, 128, 512], ms);
  say('LevelDB: one node’s store without a network');
  const store = await measureStore(folder, [1, 8, 32, 128], ms);
  return { disk, roundTrip, links, store };
}

export async function measureDisk(
  folder: string,
  bytes: number,
  processes: number,
  ms: number,
): Promise<DiskLimit> {
  if (processes === 1) return { bytes, processes, ...syncLoop(join(folder, 'sync-0'), bytes, ms) };
  const worker = join(import.meta.dirname, 'disk-worker.ts');
  const children = Array.from({ length: processes }, (_, i) =>
    fork(worker, [join(folder, `sync-${i}`), String(bytes), String(ms)]),
  );
  await Promise.all(children.map((child) => once(child, 'spawn')));
  const results = children.map((child) => once(child, 'message') as Promise<[ReturnType<typeof syncLoop>]>);
  for (const child of children) child.send('begin');
  const loops = (await Promise.all(results)).map(([loop]) => loop);
  const mean = (get: (loop: (typeof loops)[number]) => number): number =>
    loops.reduce((sum, loop) => sum + get(loop), 0) / loops.length;
  return {
    bytes,
    processes,
    syncs: mean((l) => l.syncs) * processes,
    p50: mean((l) => l.p50),
    p99: mean((l) => l.p99),
  };
}
