/**
 * Stories of nodes that are far apart: every question is repeated before its first answer can come, and each ends all
 * the same (R49).
 */
import { describe, expect, test } from 'vitest';
import { get, put, Stage } from './stage.ts';

const beacons = 50;

/** A whole chain of three whose messages travel for `oneWayMs`, with a value that only the stores hold. */
function chain(oneWayMs: number, leases: boolean): Stage {
  const stage = new Stage(['h', 'm', 't', 'j']);
  stage.oneWayMs = oneWayMs;
  stage.order(1, ['h', 'm', 't'], { to: ['h', 'm', 't'] });
  stage.pass(8 * oneWayMs + 4 * beacons);
  const tag = stage.ask('h', put('1'));
  stage.pass(6 * oneWayMs + 4 * beacons);
  expect(stage.reply(tag)?.kind).toBe('written');
  for (const name of ['h', 'm', 't']) stage.trim(name, 1);
  if (leases) stage.grant('h', 'm', 't');
  return stage;
}

describe.each([40, 130, 300, 600, 900])('R49: %d ms each way', (ms) => {
  const roundTrip = 2 * ms + 4 * beacons;

  test('a chain becomes whole', () => {
    const stage = new Stage(['h', 'm', 't']);
    stage.oneWayMs = ms;
    stage.order(1, ['h', 'm', 't']);
    stage.pass(3 * roundTrip);
    expect(stage.replica('h').down?.state).toBe('open');
    expect(stage.replica('m').down?.state).toBe('open');
    // One handshake each: a repetition begins none.
    expect([stage.replica('h').sessions, stage.replica('m').sessions]).toEqual([1, 1]);
  });

  test('a write is answered in about the time that its way takes', () => {
    const stage = chain(ms, true);
    const tag = stage.ask('h', put('2'));
    stage.pass(3 * ms + 4 * beacons);
    expect(stage.reply(tag)?.kind).toBe('written');
  });

  test('the tail is asked how far commits go', () => {
    const stage = chain(ms, true);
    stage.ask('h', put('2'));
    const tag = stage.ask('h', get('k'));
    stage.pass(roundTrip);
    expect(stage.reply(tag)?.kind).toBe('read');
  });

  test('and asks for its own proof first', () => {
    const stage = chain(ms, true);
    stage.expire('t');
    stage.ask('h', put('2'));
    const tag = stage.ask('h', get('k'));
    stage.pass(2 * roundTrip);
    expect(stage.reply(tag)?.kind).toBe('read');
  });

  test.each(['h', 'm', 't'])('%s asks all members without a lease, for a value and for a page', (name) => {
    const stage = chain(ms, false);
    const tag = stage.ask(name, get('k'));
    const page = stage.askPage(name);
    stage.pass(2 * roundTrip);
    expect(stage.reply(tag)?.kind).toBe('read');
    expect(stage.page(page)).toEqual(['k 1']);
  });

  test.each(['h', 'm', 't'])('%s asks another member for a record that is damaged', (name) => {
    const stage = chain(ms, true);
    stage.rot(name);
    const tag = stage.ask(name, get('k'));
    stage.pass(roundTrip);
    expect(stage.reply(tag)?.kind).toBe('read');
  });

  test('a joiner copies values and sessions', () => {
    const stage = chain(ms, true);
    stage.order(2, ['h', 'm', 't'], { joiner: 'j' });
    // Two handshakes, one after the other, then that of the joiner, then two questions.
    stage.pass(8 * roundTrip);
    expect(stage.replica('t').insync).toBe(stage.incarnation('j'));
  });
});

test('repetitions become rare, so that they do not crowd out the answers', () => {
  const stage = chain(0, false);
  stage.hold('m>h');
  stage.ask('h', get('k'));
  stage.pass(4000);
  const sent = stage.waiting('m>h').filter((m) => m.kind === 'barrierAnswer');
  expect(sent.length).toBeGreaterThan(2);
  expect(sent.length).toBeLessThan(10);
});
