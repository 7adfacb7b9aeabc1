import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { ApiError } from './api-error.ts';
import { type ReconcileResult, runController, TerminalError } from './controller.ts';
import { ManualClock } from './manual-clock.ts';
import { createMetrics } from './metrics.ts';
import { WorkQueue } from './work-queue.ts';

const log = pino({ level: 'silent' });

function setUp(reconcile: (key: string, stop: AbortSignal) => Promise<ReconcileResult>, drainMs = 30_000) {
  const clock = new ManualClock();
  const metrics = createMetrics();
  const queue = new WorkQueue({ name: 'c', clock, random: () => 1, metrics });
  const stop = new AbortController();
  const options = { name: 'c', queue, reconcile, clock, log, metrics, runLimitMs: 1000, drainMs };
  const running = runController(options, stop.signal);
  const count = async (name: string) =>
    /(?:\{.*\}) (\d+)/.exec(await metrics.registry.getSingleMetricAsString(name))?.[1];
  return { clock, queue, stop, running, count };
}

describe('runController', () => {
  test('looks again when asked to, and later each time after failures', async () => {
    const at: number[] = [];
    const world = setUp(async () => {
      at.push(world.clock.monotonicMs());
      if (at.length < 3) throw new Error('not yet');
      return at.length === 3 ? { is: 'again', afterMs: 700 } : { is: 'done' };
    });
    world.queue.add('a');
    await world.clock.advance(5000);
    expect(at.map((ms) => ms - (at[0] ?? 0))).toEqual([0, 5, 15, 715]);
    expect(await world.count('controller_runtime_reconcile_errors_total')).toBe('2');
    world.stop.abort();
    await world.running;
  });

  test('waits as long as an overloaded server asks', async () => {
    const at: number[] = [];
    const world = setUp(async () => {
      at.push(world.clock.monotonicMs());
      if (at.length > 1) return { is: 'done' };
      throw new ApiError({ code: 429, reason: 'TooManyRequests', message: 'slow down', retryAfterMs: 4000 });
    });
    world.queue.add('a');
    await world.clock.advance(5000);
    expect(at.map((ms) => ms - (at[0] ?? 0))).toEqual([0, 4000]);
    world.stop.abort();
    await world.running;
  });

  test('a terminal error is not tried again, a defect is counted and is', async () => {
    let defects = 0;
    const world = setUp(async (key) => {
      if (key === 'terminal') throw new TerminalError('never');
      defects += 1;
      if (defects === 1) throw new TypeError('undefined is not a function');
      return { is: 'done' };
    });
    world.queue.add('terminal');
    world.queue.add('defect');
    await world.clock.advance(60_000);
    expect(defects).toBe(2);
    expect(world.queue.failures('terminal')).toBe(0);
    expect(await world.count('controller_runtime_terminal_reconcile_errors_total')).toBe('1');
    expect(await world.count('controller_runtime_reconcile_panics_total')).toBe('1');
    world.stop.abort();
    await world.running;
  });

  test('a run that takes too long is cut and counted', async () => {
    const world = setUp(
      (_, stop) =>
        new Promise((_resolve, reject) => stop.addEventListener('abort', () => reject(stop.reason))),
    );
    world.queue.add('a');
    await world.clock.advance(1001);
    expect(await world.count('controller_runtime_reconcile_timeouts_total')).toBe('1');
    world.stop.abort();
    await world.clock.advance(1001);
    await world.running;
  });

  test('stopping lets a running reconcile finish and begins no other', async () => {
    const finish: (() => void)[] = [];
    const seen: string[] = [];
    const world = setUp((key) => {
      seen.push(key);
      return new Promise((resolve) => finish.push(() => resolve({ is: 'again', afterMs: 1 })));
    });
    for (const key of ['a', 'b', 'c']) world.queue.add(key);
    await world.clock.advance(1);
    let ended = false;
    void world.running.then(() => {
      ended = true;
    });
    world.stop.abort();
    await world.clock.advance(500);
    expect(ended).toBe(false);
    for (const resolve of finish) resolve();
    await world.running;
    expect(seen).toEqual(['a', 'b']);
  });
});
