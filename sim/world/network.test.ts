import { expect, test } from 'vitest';
import type { Message } from '../../protocol/messages.ts';
import { noIncarnation } from '../../protocol/words.ts';
import { createRandom } from '../random.ts';
import type { Frame } from './flow.ts';
import { createNetwork, type Link, type Network, type NetworkOptions, type Port } from './network.ts';
import { createSchedule, type Schedule } from './schedule.ts';

const options: NetworkOptions = {
  delayMs: 1,
  spreadMs: 5,
  noticeMs: 600,
  late: 0,
  lateMs: 100,
  repeat: 0,
  bytesPerMs: Number.POSITIVE_INFINITY,
  queueBytes: Number.POSITIVE_INFINITY,
};

interface Stand {
  schedule: Schedule;
  network: Network;
  effects: string[];
  heard: number[];
  events: string[];
  link(): Link;
  say(n: number): void;
  run(ms: number): void;
}

/** Two processes, the first connected to the second. */
function stand(change: Partial<NetworkOptions> = {}): Stand {
  const schedule = createSchedule();
  const effects: string[] = [];
  const heard: number[] = [];
  const events: string[] = [];
  const network = createNetwork(
    { schedule, random: createRandom(1), tell: (e) => effects.push(e) },
    { ...options, ...change },
  );
  const port = (name: string, machine: number): Port => ({
    name,
    machine,
    alive: () => true,
    responsive: () => true,
    opened: () => events.push(`${name} opened`),
    closed: () => events.push(`${name} closed`),
    received: (_, frame: Frame) => heard.push(...frame.messages.map((m) => (m as { id: number }).id)),
  });
  const a = port('a', 0);
  network.listen('b', port('b', 1));
  const dialer = network.dial(a, 'b');
  const run = (ms: number): void => {
    const end = schedule.now + ms;
    schedule.at(end, () => {});
    while (schedule.now < end) schedule.step();
  };
  run(50);
  const link = (): Link => {
    if (dialer.link === null) throw new Error('not connected');
    return dialer.link;
  };
  return {
    schedule,
    network,
    effects,
    heard,
    events,
    link,
    say(n) {
      const messages = [{ kind: 'ready', id: n } as unknown as Message];
      network.send(link(), a, { incarnation: noIncarnation, messages });
    },
    run,
  };
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

test('frames of a connection arrive in order', () => {
  const s = stand();
  for (const n of upTo(100)) s.say(n);
  s.run(100);
  expect(s.heard).toEqual(upTo(100));
});

test('a connection that breaks delivers a beginning of what was under way, and is opened anew', () => {
  const s = stand();
  for (const n of upTo(20)) s.say(n);
  const first = s.link();
  s.network.reset(0, 1);
  s.run(600);
  expect(s.heard).toEqual(upTo(s.heard.length));
  expect(s.heard.length).toBeLessThan(20);
  expect(s.effects).toContain('lost');
  expect(s.events.slice(0, 4).sort()).toEqual(['a closed', 'a opened', 'b closed', 'b opened']);
  expect(s.link()).not.toBe(first);
});

test('a short cut holds frames back, a long one ends the connection', () => {
  const s = stand();
  s.network.cut(0, 1);
  s.say(1);
  s.run(100);
  expect(s.heard).toEqual([]);
  expect(s.effects).toEqual(['held']);
  s.network.mend(0, 1);
  s.run(100);
  expect(s.heard).toEqual([1]);
  s.network.cut(0, 1);
  s.run(1000);
  expect(s.events.filter((e) => e === 'a closed')).toHaveLength(1);
  expect(() => s.link()).toThrow();
});

test('the other direction of a one-way cut still works', () => {
  const s = stand();
  s.network.cut(1, 0);
  s.say(1);
  s.run(100);
  expect(s.heard).toEqual([1]);
});

test('what an old connection held may arrive after a new one was opened', () => {
  const s = stand({ late: 1, lateMs: 3000 });
  for (const n of upTo(20)) s.say(n);
  s.network.reset(0, 1);
  s.run(400);
  s.say(100);
  s.run(4000);
  const at = s.heard.indexOf(100);
  expect(s.heard.filter((n) => n !== 100)).toEqual(upTo(s.heard.length - 1));
  expect(s.heard.slice(at + 1).length).toBeGreaterThan(0);
});

test('a new connection may begin with what the old one had not delivered', () => {
  const s = stand({ repeat: 1 });
  for (const n of upTo(5)) s.say(n);
  s.network.reset(0, 1);
  s.run(600);
  expect(s.heard.slice(-5)).toEqual(upTo(5));
  expect(s.effects).toContain('repeated');
});

test('frames wait for each other on a narrow path, and a sender whose queue is full drops what comes next', () => {
  // A small message counts as 40 bytes.
  const { run, say, heard, effects } = stand({ bytesPerMs: 0.4, queueBytes: 100 });
  for (const n of [1, 2, 3, 4, 5]) say(n);
  run(90);
  expect(heard).toEqual([]);
  run(120);
  expect(heard).toEqual([1, 2]);
  run(100);
  expect(heard).toEqual([1, 2, 3]);
  expect(effects).toEqual(['shed', 'shed']);
});
