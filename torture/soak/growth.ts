/** Whether a figure grows without end: its second quarter against its last one, by their medians. */
import type { Figure, Sample } from './samples.ts';

export interface Trend {
  readonly name: string;
  readonly figure: Figure;
  /** Median of the second quarter, of the last quarter, and the greatest value. */
  readonly early: number;
  readonly late: number;
  readonly most: number;
  readonly grows: boolean;
}

/** A figure may end at this factor, or at this much more: caches fill, and files are tidied up now and then. */
const factorMax = 1.5;
const slack: Readonly<Record<Figure, number>> = {
  memoryMiB: 64,
  heapMiB: 48,
  handles: 20,
  loopDelayMs: 200,
  diskMiB: 96,
};
/** Fewer say nothing. */
const samplesMin = 8;

export const figures = Object.keys(slack) as Figure[];

export function trends(samples: readonly Sample[]): Trend[] {
  const names = [...new Set(samples.map(({ name }) => name))];
  return names.flatMap((name) =>
    figures.flatMap((figure) => {
      const own = samples.filter((each) => each.name === name && Number.isFinite(each[figure]));
      return own.length < samplesMin ? [] : [trendOf(name, figure, own)];
    }),
  );
}

function trendOf(name: string, figure: Figure, samples: readonly Sample[]): Trend {
  const all = samples.map((each) => each[figure]);
  const quarter = Math.floor(all.length / 4);
  const early = median(all.slice(quarter, 2 * quarter));
  const late = median(all.slice(-quarter));
  const grows = late > early * factorMax && late > early + slack[figure];
  return { name, figure, early, late, most: Math.max(...all), grows };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
