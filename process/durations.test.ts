import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Durations, registerDurations } from './durations.ts';

test('shows what it counted as a Prometheus histogram', async () => {
  const registry = new Registry();
  const durations = new Durations([0.001, 0.01]);
  registerDurations(registry, { name: 'x_seconds', help: 'x', bounds: [0.001, 0.01] }, () => [
    { labels: { op: 'get' }, durations },
  ]);
  for (const value of [0.001, 0.002, 5]) durations.observe(value);
  const text = await registry.metrics();
  expect(text).toContain('# TYPE x_seconds histogram');
  // A bound belongs to its bucket, and buckets are cumulative.
  expect(text).toMatch(/x_seconds_bucket\{op="get",le="0.001"\} 1/);
  expect(text).toMatch(/x_seconds_bucket\{op="get",le="0.01"\} 2/);
  expect(text).toMatch(/x_seconds_bucket\{op="get",le="\+Inf"\} 3/);
  expect(text).toMatch(/x_seconds_count\{op="get"\} 3/);
  expect(text).toMatch(/x_seconds_sum\{op="get"\} 5.003/);
});
