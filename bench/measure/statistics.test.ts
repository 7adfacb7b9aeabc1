import { expect, test } from 'vitest';
import { encodeHistogram, newHistogram, record } from './histogram.ts';
import type { Sample } from './sample.ts';
import { median, percentiles, spread, summarize } from './statistics.ts';

function sample(
  operations: number,
  latenciesMs: readonly number[],
  errors: Record<string, number> = {},
): Sample {
  const histogram = newHistogram();
  for (const ms of latenciesMs) record(histogram, ms * 1000);
  return {
    seconds: 2,
    operations,
    errors,
    reads: '',
    writes: encodeHistogram(histogram),
    late: '',
    clientCpu: 1,
    serverCpu: 3,
    othersCores: 0.1,
    buckets: [],
  };
}

test('the median of an even number of values lies between the two in the middle', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([9, 1, 5])).toBe(5);
  expect(spread([9, 1, 5])).toEqual({ median: 5, least: 1, most: 9 });
});

test('a summary takes medians over the runs, and the errors of all of them', () => {
  const cell = {
    samples: [sample(100, [1]), sample(300, [3], { AMBIGUOUS: 2 }), sample(200, [2], { OVERLOADED: 1 })],
  };
  const summary = summarize(cell);
  expect(summary.rate).toEqual({ median: 100, least: 50, most: 150 });
  expect(summary.p50).toBeCloseTo(2, 2);
  expect(summary.errors).toBe(3);
  expect(summary.serverCores).toBe(1.5);
  expect(summary.reads).toBeNull();
});

test('percentiles are those of all that was recorded, within the precision of the histogram', () => {
  const values = Array.from({ length: 1000 }, (_, i) => (i + 1) / 10);
  const found = percentiles([sample(0, values).writes]);
  expect(found?.p50).toBeCloseTo(50, 0);
  expect(found?.p99).toBeCloseTo(99, 0);
  expect(found?.max).toBeCloseTo(100, 0);
  expect(percentiles(['', ''])).toBeNull();
});

test('histograms of the Go driver are read: HDR V2, compressed, base64', () => {
  // Made by hdrhistogram-go: New(1, 60000000, 3) with 150, 150 and 2500 recorded.
  const encoded = 'HISTFAAAACl42pJpmSzMwMDAxgABzFCaEcyZ3M5g/wEisJqJZaoiEyAAAP//YmcFBg==';
  const found = percentiles([encoded]);
  expect(found?.p50).toBeCloseTo(0.15, 3);
  expect(found?.max).toBeCloseTo(2.5, 2);
});
