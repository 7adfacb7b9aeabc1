import { describe, expect, test } from 'vitest';
import { ManualClock } from './manual-clock.ts';
import { createMetrics } from './metrics.ts';
import { WorkQueue } from './work-queue.ts';

function setUp() {
  const clock = new ManualClock();
  const metrics = createMetrics();
  return { clock, metrics, queue: new WorkQueue({ name: 'q', clock, random: () => 1, metrics }) };
}

describe('WorkQueue', () => {
  test('hands a key out once however often it was added', async () => {
    const { queue } = setUp();
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    expect([await queue.next(), await queue.next()]).toEqual(['a', 'b']);
    expect(queue.depth).toBe(0);
  });

  test('never hands a key to two workers, and hands it out once more when it changed meanwhile', async () => {
    const { queue } = setUp();
    queue.add('a');
    expect(await queue.next()).toBe('a');
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect(await queue.next()).toBe('b');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(await queue.next()).toBe('a');
    queue.done('a');
    queue.done('b');
    expect(queue.depth).toBe(0);
  });

  test('a worker that waits gets the key that comes', async () => {
    const { queue } = setUp();
    const waiting = queue.next();
    queue.add('a');
    expect(await waiting).toBe('a');
  });

  test('waits twice as long after each failure, and starts again after forget', async () => {
    const { queue, clock } = setUp();
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      if (i === 4) queue.forget('a');
      const from = clock.monotonicMs();
      queue.retry('a');
      while (queue.depth === 0) await clock.advance(1);
      waits.push(clock.monotonicMs() - from);
      queue.done((await queue.next()) ?? '');
    }
    expect(waits).toEqual([5, 10, 20, 40, 5]);
  });

  test('a retry waits at least as long as the server asked for', async () => {
    const { queue, clock } = setUp();
    queue.retry('a', 3000);
    await clock.advance(2999);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
  });

  test('of several delayed wishes the earliest holds, and a run replaces those made before it', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 900);
    await clock.advance(100);
    expect(await queue.next()).toBe('a');
    queue.addAfter('b', 50);
    queue.add('b');
    expect(await queue.next()).toBe('b');
    queue.done('a');
    queue.done('b');
    await clock.advance(10_000);
    expect(queue.depth).toBe(0);
  });

  test('closing releases the workers, takes nothing more, and lets the running end', async () => {
    const { queue, clock } = setUp();
    queue.add('running');
    expect(await queue.next()).toBe('running');
    queue.add('waiting');
    queue.addAfter('later', 10);
    let idle = false;
    void queue.idle().then(() => {
      idle = true;
    });
    queue.close();
    queue.add('late');
    await clock.advance(100);
    expect(await queue.next()).toBeUndefined();
    expect(idle).toBe(false);
    queue.done('running');
    await queue.idle();
    expect(queue.depth).toBe(0);
  });

  test('counts what dashboards expect', async () => {
    const { queue, clock, metrics } = setUp();
    queue.add('a');
    queue.add('b');
    await queue.next();
    await clock.advance(2000);
    queue.measure();
    const text = await metrics.registry.metrics();
    expect(text).toContain('workqueue_depth{name="q"} 1');
    expect(text).toContain('workqueue_adds_total{name="q"} 2');
    expect(text).toContain('workqueue_longest_running_processor_seconds{name="q"} 2');
  });
});
