/** What several samples of one load say together. */
import { decodeHistograms } from './histogram.ts';
import type { Cell, Sample } from './sample.ts';

export interface Summary {
  /** Operations per second: median, least and most of the runs. */
  readonly rate: Spread;
  /** ms; medians of the runs. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly reads: Percentiles | null;
  readonly writes: Percentiles | null;
  readonly errors: number;
  readonly runs: number;
  /** Cores. */
  readonly serverCores: number;
  readonly clientCores: number;
  /** Cores that processes outside this measurement used. */
  readonly othersCores: number;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** ms */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export function summarize(cell: Pick<Cell, 'samples'>): Summary {
  const { samples } = cell;
  const all = samples.map((s) => percentiles([s.reads, s.writes]));
  const of = (get: (s: Sample, i: number) => number): number => median(samples.map(get));
  return {
    rate: spread(samples.map((s) => s.operations / s.seconds)),
    p50: of((_, i) => all[i]?.p50 ?? 0),
    p99: of((_, i) => all[i]?.p99 ?? 0),
    p999: of((_, i) => all[i]?.p999 ?? 0),
    max: Math.max(0, ...all.map((p) => p?.max ?? 0)),
    reads: percentiles(samples.map((s) => s.reads)),
    writes: percentiles(samples.map((s) => s.writes)),
    errors: samples.reduce((sum, s) => sum + Object.values(s.errors).reduce((a, b) => a + b, 0), 0),
    runs: samples.length,
    serverCores: of((s) => s.serverCpu / s.seconds),
    clientCores: of((s) => s.clientCpu / s.seconds),
    othersCores: of((s) => s.othersCores),
  };
}

/** Of all that was recorded in the given histograms; null when nothing was. */
export function percentiles(encoded: readonly string[]): Percentiles | null {
  const h = decodeHistograms(encoded);
  if (h.totalCount === 0) return null;
  const ms = (percentile: number): number => h.getValueAtPercentile(percentile) / 1000;
  return { p50: ms(50), p95: ms(95), p99: ms(99), p999: ms(99.9), max: h.maxValue / 1000 };
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
