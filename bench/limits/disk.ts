/** What the disk gives: small appends, each followed by fdatasync, as a log is written. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { newHistogram, record } from '../measure/histogram.ts';

export interface DiskLimit {
  readonly bytes: number;
  /** Processes that did it at the same time. */
  readonly processes: number;
  /** Syncs per second, of all processes. */
  readonly syncs: number;
  /** ms */
  readonly p50: number;
  readonly p99: number;
}

/** Appends `bytes` and syncs, again and again, for so long. Blocks this process. */
export function syncLoop(
  file: string,
  bytes: number,
  ms: number,
): { syncs: number; p50: number; p99: number } {
  const histogram = newHistogram();
  const block = Buffer.alloc(bytes, 7);
  const handle = openSync(file, 'w');
  const began = performance.now();
  for (let now = began; now < began + ms; ) {
    writeSync(handle, block);
    fdatasyncSync(handle);
    const end = performance.now();
    record(histogram, (end - now) * 1000);
    now = end;
  }
  closeSync(handle);
  const seconds = (performance.now() - began) / 1000;
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return { syncs: histogram.totalCount / seconds, p50: at(50), p99: at(99) };
}
