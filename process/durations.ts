/**
 * A histogram for the hot path: counting costs two additions in arrays, where a library's histogram hashes its labels at
 * each observation. It shows itself to prom-client at each scrape.
 */
import { Gauge, type Metric, type Registry } from 'prom-client';

/** Upper bounds in seconds: 0.25 ms to 10 s. */
export const durationBounds = [
  0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.25, 0.5, 1, 2, 5, 10,
];

export class Durations {
  readonly counts: Float64Array;
  readonly #bounds: readonly number[];
  #sum = 0;

  constructor(bounds: readonly number[] = durationBounds) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  get sum(): number {
    return this.#sum;
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.#bounds.length && value > (this.#bounds[i] as number)) i++;
    this.counts[i] = (this.counts[i] as number) + 1;
    this.#sum += value;
  }
}

export interface DurationSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly durations: Durations;
}

/** Registers series as one Prometheus histogram. `series` is asked at each scrape. */
export function registerDurations(
  registry: Registry,
  options: { name: string; help: string; bounds?: readonly number[] },
  series: () => Iterable<DurationSeries>,
): void {
  const { name, help, bounds = durationBounds } = options;
  const metric = new Gauge({ name, help, registers: [] });
  const get = async () => ({
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    values: [...series()].flatMap((one) => valuesOf(name, bounds, one)),
  });
  registry.registerMetric(Object.assign(metric, { get }) as unknown as Metric);
}

function valuesOf(name: string, bounds: readonly number[], { labels, durations }: DurationSeries) {
  let seen = 0;
  const values = Array.from(durations.counts, (count, i) => {
    seen += count;
    const le = i < bounds.length ? String(bounds[i]) : '+Inf';
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: seen };
  });
  return [
    ...values,
    { metricName: `${name}_sum`, labels, value: durations.sum },
    { metricName: `${name}_count`, labels, value: seen },
  ];
}
