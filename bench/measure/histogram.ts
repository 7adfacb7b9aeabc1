/** Latency histograms: HDR, microseconds, three digits, exchanged in the V2 format that all implementations share. */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from 'hdr-histogram-js';

export type { Histogram };

const usMax = 60_000_000;

export const newHistogram = (): Histogram =>
  build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: usMax,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
    autoResize: false,
    useWebAssembly: false,
  });

/** `us` outside the range is recorded as its nearest end. */
export function record(histogram: Histogram, us: number): void {
  histogram.recordValue(us < 1 ? 1 : us > usMax ? usMax : Math.round(us));
}

export const encodeHistogram = (histogram: Histogram): string =>
  histogram.totalCount === 0 ? '' : encodeIntoCompressedBase64(histogram);

/** The sum of encoded histograms. */
export function decodeHistograms(encoded: readonly string[]): Histogram {
  const sum = newHistogram();
  for (const each of encoded) if (each !== '') sum.add(decodeFromCompressedBase64(each));
  return sum;
}
