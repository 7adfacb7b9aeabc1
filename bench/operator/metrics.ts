/** Figures out of what a process tells Prometheus. */

/** Values by series, as the text format names them. */
export type Metrics = ReadonlyMap<string, number>;

export function parseMetrics(text: string): Metrics {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** What counters counted between two looks. */
export function between(before: Metrics, after: Metrics): Metrics {
  return new Map([...after].map(([series, value]) => [series, value - (before.get(series) ?? 0)]));
}

/** Sum over all series of this name with this label. */
export function total(metrics: Metrics, name: string, label = ''): number {
  let sum = 0;
  for (const [series, value] of metrics) {
    if (series.split('{', 1)[0] === name && series.includes(label)) sum += value;
  }
  return sum;
}

/** Seconds. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  /** No observation was longer. */
  readonly most: number;
}

/** Of a histogram; within a bucket its observations count as evenly spread, as Prometheus counts them. */
export function distribution(metrics: Metrics, name: string): Distribution {
  const buckets = [...metrics]
    .filter(([series]) => series.startsWith(`${name}_bucket{`))
    .map(([series, below]) => ({ upTo: boundOf(series), below }))
    .sort((a, b) => a.upTo - b.upTo);
  const count = total(metrics, `${name}_count`);
  const quantile = (q: number): number => {
    const at = buckets.findIndex(({ below }) => below >= q * count);
    const { upTo, below } = buckets[at] ?? { upTo: Number.NaN, below: 0 };
    const { upTo: from, below: under } = buckets[at - 1] ?? { upTo: 0, below: 0 };
    return from + ((q * count - under) / (below - under)) * (upTo - from);
  };
  return {
    count,
    mean: total(metrics, `${name}_sum`) / count,
    p50: quantile(0.5),
    p99: quantile(0.99),
    most: buckets.find(({ below }) => below === count)?.upTo ?? Number.NaN,
  };
}

function boundOf(series: string): number {
  const bound = /le="([^"]+)"/.exec(series)?.[1] ?? '';
  return bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
}
