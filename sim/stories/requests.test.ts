/** Stories of requests and reads: refusals, retries, sessions, weaker reads (R8, R9, R16 to R18, R21). */
import { describe, expect, test } from 'vitest';
import { inspect } from '../../protocol/node/inspect.ts';
import type { Condition, Reply, WriteRequest } from '../../protocol/requests.ts';
import { clientId, requestNumber } from '../../protocol/words.ts';
import { position } from './positions.ts';
import { get, put, Stage } from './stage.ts';

const revisionIs = (value: number): Condition => ({ field: 'revision', operator: 'eq', value });

function chainOf(...names: string[]): Stage {
  const stage = new Stage(names);
  stage.order(1, names);
  stage.run();
  stage.grant(...names);
  return stage;
}

describe('R8: a refusal is a strong read', () => {
  test('a head that is cut off refuses no condition after its lease, for it may be wrong', () => {
    const stage = chainOf('a', 'b');
    stage.ask('a', put('1'));
    stage.run();
    stage.isolate('a');
    stage.expire('a');
    stage.order(2, ['b'], { to: ['b'] });
    stage.run();
    const two = stage.ask('b', put('2'));
    stage.run();
    expect(stage.reply(two)).toMatchObject({ kind: 'written', position: position(2, 2) });
    const stale = stage.ask('a', put('3', { conditions: [revisionIs(2)] }));
    stage.run();
    expect(stage.reply(stale)).toBe(undefined);
    stage.pass(6000);
    expect(stage.reply(stale)).toMatchObject({ kind: 'failed', code: 'NOT_READY' });
  });

  test('without a lease the members are asked, and the refusal is as good', () => {
    const stage = chainOf('a', 'b');
    stage.ask('a', put('1'));
    stage.run();
    stage.expire('a');
    stage.hold('b>a');
    const refused = stage.ask('a', put('3', { conditions: [revisionIs(2)] }));
    stage.run();
    expect(stage.reply(refused)).toBe(undefined);
    stage.release('b>a');
    stage.run();
    expect(stage.reply(refused)).toMatchObject({
      code: 'CONDITION_FAILED',
      seen: { position: position(1, 1) },
    });
  });

  test('names the position that it reflects where the key is absent, so that a session does not go back', () => {
    const stage = chainOf('h', 'm', 't');
    stage.ask('h', put('1'));
    stage.pass(100);
    stage.hold('t>m');
    stage.ask('h', { ...put(''), op: 'delete' });
    stage.run();
    stage.hold('h>m');
    expect([stage.replica('h').commit, stage.replica('m').commit]).toEqual([2, 1]);
    const refused = stage.ask('h', put('2', { conditions: [{ field: 'exists', operator: 'eq', value: 1 }] }));
    stage.run();
    expect(stage.reply(refused)).toMatchObject({
      code: 'CONDITION_FAILED',
      seen: { position: null, at: position(1, 2) },
    });
    // The member that has not heard of the delete does not answer the session from before it.
    const later = stage.ask('m', get('k', { level: 'session', token: position(1, 2) }));
    stage.run();
    expect(stage.reply(later)).toBe(undefined);
    stage.release('t>m', 'h>m');
    stage.pass(100);
    expect(stage.reply(later)).toMatchObject({ kind: 'read', entry: null });
  });

  test('a logged refusal of an absent key names its own position', () => {
    const stage = chainOf('a', 'b');
    const exists = { field: 'exists', operator: 'eq', value: 1 } as const;
    const refused = stage.ask('a', put('2', { conditions: [exists], retry: true }));
    stage.run();
    expect(stage.reply(refused)).toMatchObject({ seen: { position: null, at: position(1, 1) } });
  });

  test('one that waits for an entry that is dropped is not answered by it', () => {
    const stage = chainOf('a', 'b');
    stage.hold('a>b');
    stage.ask('a', put('1'));
    stage.run();
    const waits = stage.ask('a', put('2', { conditions: [revisionIs(0)] }));
    stage.run();
    expect(stage.reply(waits)).toBe(undefined);
    stage.order(2, ['b'], { joiner: 'a' });
    stage.run();
    expect(stage.reply(waits)).toMatchObject({ kind: 'failed', code: 'NOT_HEAD', outcome: 'definite' });
  });
});

describe('R9: a retry finds its first attempt while that is pending', () => {
  const once = (): WriteRequest => ({ ...put(''), op: 'add', delta: 1n });

  test('at the same head', () => {
    const stage = chainOf('h', 't');
    stage.hold('h>t');
    const request = once();
    const first = stage.ask('h', request);
    stage.run();
    const again = stage.ask('h', { ...request, retry: true });
    stage.run();
    expect(stage.replica('h').log.end.seq).toBe(1);
    stage.release('h>t');
    stage.run();
    for (const tag of [first, again])
      expect(stage.reply(tag)).toMatchObject({ kind: 'written', position: position(1, 1) });
    expect(stage.read('t')).toBe('1');
  });

  test('at the new head, which got it from the log', () => {
    const stage = chainOf('h', 'm', 't');
    stage.hold('m>t');
    const request = once();
    stage.ask('h', request);
    stage.run();
    stage.crash('h');
    stage.order(2, ['m', 't'], { to: ['m', 't'] });
    stage.run();
    const again = stage.ask('m', { ...request, retry: true });
    stage.run();
    expect(stage.reply(again)).toBe(undefined);
    expect(stage.replica('m').log.end.seq).toBe(1);
    stage.release('m>t');
    stage.run();
    expect(stage.reply(again)).toMatchObject({ kind: 'written', position: position(1, 1) });
    stage.grant('m', 't');
    expect(stage.read('t')).toBe('1');
  });

  test('and one whose first attempt was dropped is executed', () => {
    const stage = chainOf('h', 'm', 't');
    stage.hold('h>m');
    const request = once();
    stage.ask('h', request);
    stage.run();
    stage.order(2, ['m', 'h', 't']);
    stage.release('h>m');
    stage.run();
    stage.order(3, ['h', 'm', 't']);
    stage.run();
    const again = stage.ask('h', { ...request, retry: true });
    stage.run();
    expect(stage.reply(again)).toMatchObject({ kind: 'written', position: position(3, 1) });
    stage.grant('t');
    expect(stage.read('t')).toBe('1');
  });

  test('the results travel with a snapshot', () => {
    const stage = new Stage(['t', 'j']);
    stage.order(1, ['t']);
    stage.run();
    const request = once();
    stage.ask('t', request);
    stage.run();
    trimLog(stage, 't');
    stage.order(1, ['t'], { joiner: 'j' });
    stage.pass(200);
    stage.order(2, ['t', 'j']);
    stage.pass(200);
    stage.order(3, ['j'], { to: ['j'] });
    stage.run();
    expect(stage.replica('j').log.start.seq).toBe(1);
    const again = stage.ask('j', { ...request, retry: true });
    stage.run();
    expect(stage.reply(again)).toMatchObject({ kind: 'written', position: position(1, 1) });
  });
});

describe('R16: bounded(ms) is counted from the question to the tail, under a lease', () => {
  const bounded = (ms: number) => get('k', { level: 'bounded', boundMs: ms });

  test('a member that is cut off together with its old tail answers only within the bound', () => {
    const stage = chainOf('a', 'b', 'c');
    stage.ask('a', put('1'));
    stage.run();
    const fresh = stage.ask('b', bounded(300));
    stage.run();
    expect(stage.reply(fresh)).toMatchObject({ kind: 'read' });
    stage.link('a', 'b', false);
    stage.link('a', 'c', false);
    stage.expire('b');
    stage.expire('c');
    stage.order(2, ['a'], { to: ['a'] });
    stage.run();
    // The old tail goes on to send its beacons.
    stage.pass(400);
    const late = stage.ask('b', bounded(300));
    stage.pass(300);
    expect(stage.reply(late)).toBe(undefined);
  });

  test('an answer that took its time is as old as its question', () => {
    const stage = chainOf('a', 'b', 'c');
    stage.ask('a', put('1'));
    stage.pass(200);
    stage.hold('c>b');
    const first = stage.ask('b', bounded(50));
    stage.pass(100);
    stage.deliver('c>b');
    stage.run();
    expect(stage.replica('b').tailAskedAt).toBeLessThanOrEqual(stage.mono - 100);
    // The second one asks again.
    const second = stage.ask('b', bounded(50));
    stage.run();
    expect(stage.reply(first)).toMatchObject({ kind: 'read' });
    expect(stage.reply(second)).toBe(undefined);
  });
});

describe('P20: a read looks again at what it read from when it has its value', () => {
  /** m reads a value that is on its disk only, under its lease, and its disk takes its time. */
  function reading(level: 'strong' | 'eventual' = 'strong'): { stage: Stage; tag: number } {
    const stage = chainOf('h', 'm', 't');
    stage.ask('h', put('1'));
    stage.pass(200);
    expect(stage.replica('m').log.newest.size).toBe(0);
    stage.stallValues('m');
    const tag = stage.ask('m', get('k', { level }));
    stage.run();
    expect(stage.reply(tag)).toBe(undefined);
    return { stage, tag };
  }

  test.each(['strong', 'eventual'] as const)(
    'a slot that was emptied meanwhile shows nothing: %s',
    (level) => {
      const { stage, tag } = reading(level);
      stage.order(2, ['h', 't'], { drop: true });
      stage.run();
      expect(stage.replica('m').commit).toBe(0);
      stage.answerValues('m');
      expect(stage.reply(tag)).toMatchObject({ kind: 'failed', code: 'NOT_READY' });
    },
  );

  test('a lease that ended meanwhile proves nothing: all members are asked', () => {
    const { stage, tag } = reading();
    stage.isolate('m');
    stage.expire('m');
    stage.answerValues('m');
    stage.run();
    expect(stage.reply(tag)).toBe(undefined);
  });
});

describe('R17: a refused retry is logged, so that the first attempt can do nothing any more', () => {
  test('a late copy of the first attempt is refused in the same words, although its condition holds again', () => {
    const stage = chainOf('h', 't');
    stage.ask('h', put('1'));
    stage.run();
    const request = put('mine', { conditions: [{ field: 'exists', operator: 'eq', value: 0 }] });
    // The first attempt hangs on its way; the retry arrives.
    const retry = stage.ask('h', { ...request, retry: true });
    stage.run();
    expect(stage.reply(retry)).toMatchObject({ code: 'CONDITION_FAILED', outcome: 'definite' });
    expect(stage.replica('t').commit).toBe(2);
    stage.ask('h', { ...put(''), op: 'delete' });
    stage.run();
    const late = stage.ask('h', request);
    stage.run();
    expect(stage.reply(late)).toMatchObject({ code: 'CONDITION_FAILED' });
    expect(stage.read('t')).toBe(null);
  });
});

describe('R18: a request that is older than what the chain remembers is not executed', () => {
  const horizon = { dedupeHorizonMs: 10_000 };

  test('one whose slot time lies before the horizon', () => {
    const stage = new Stage(['h', 't'], horizon);
    stage.order(1, ['h', 't']);
    stage.run();
    const request = put('old');
    const first = stage.ask('h', request);
    stage.run();
    expect(stage.reply(first)?.kind).toBe('written');
    stage.shiftClock('h', 30_000);
    const other = stage.ask('h', put('new', { client: clientId(8) }));
    stage.run();
    expect(stage.reply(other)?.kind).toBe('written');
    const late = stage.ask('h', { ...request, retry: true });
    stage.run();
    expect(stage.reply(late)).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'indefinite' });
    expect(stage.replica('h').log.end.seq).toBe(2);
  });

  test('one that names no slot time: nothing was done, and it is told what to send', () => {
    const stage = chainOf('h', 't');
    const request = put('first', { slotTime: 0 });
    const told = (again: Partial<typeof request>) => {
      const tag = stage.ask('h', { ...request, ...again });
      stage.run();
      return stage.reply(tag);
    };
    const refused = told({});
    expect(refused).toMatchObject({
      code: 'SESSION_EXPIRED',
      outcome: 'definite',
      message: expect.stringMatching(
        /names no slot time: nothing was done; send it again with slot time \d+$/,
      ),
    });
    expect(told({ retry: true })).toMatchObject({
      outcome: 'indefinite',
      message: expect.stringContaining('whether an earlier attempt was executed is not known any more'),
    });
    expect(told({ slotTime: refused?.kind === 'failed' ? refused.slotTime : 0 })?.kind).toBe('written');
    expect(stage.read('t')).toBe('first');
  });

  test("one that is numbered below its client's window", () => {
    const stage = chainOf('h', 't');
    const late = put('late', { number: requestNumber(900_000), floor: requestNumber(900_000) });
    stage.ask('h', put('later', { number: requestNumber(900_001), floor: requestNumber(900_001) }));
    stage.run();
    const tag = stage.ask('h', { ...late, retry: true });
    stage.run();
    expect(stage.reply(tag)).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'indefinite' });
    const first = stage.ask('h', late);
    stage.run();
    expect(stage.reply(first)).toMatchObject({
      outcome: 'definite',
      message: expect.stringMatching(
        /below the numbers .*: nothing was done; send it again under a new request number/,
      ),
    });
    expect(stage.read('t')).toBe('later');
  });

  test('stamps never go back, whatever the clock does', () => {
    const stage = chainOf('h', 't');
    stage.ask('h', put('1'));
    stage.run();
    stage.shiftClock('h', -60_000);
    stage.ask('h', put('2'));
    stage.run();
    expect(stage.replica('h').commit).toBe(2);
    const [first, second] = stage
      .actor('t')
      .disk.slot(stage.replica('t').slot)
      .log.map((e) => e.stamp);
    expect(second).toBe(first);
  });

  test("a head whose clock is far off its neighbours' takes no writes and says so", () => {
    const stage = new Stage(['h', 't'], horizon);
    stage.order(1, ['h', 't']);
    stage.pass(1100);
    stage.shiftClock('h', 5000);
    stage.pass(1100);
    const tag = stage.ask('h', put('1'));
    stage.run();
    expect(stage.reply(tag)).toMatchObject({ code: 'CLOCK_SKEW', outcome: 'definite' });
    expect(stage.replica('h').log.end.seq).toBe(0);
  });
});

test('R21: members with clocks apart show the same values', () => {
  const stage = chainOf('h', 'm', 't');
  stage.shiftClock('m', 3_600_000);
  stage.shiftClock('t', -3_600_000);
  stage.ask('h', put('1'));
  stage.run();
  stage.grant('h', 'm', 't');
  for (const n of ['h', 'm', 't']) expect(stage.read(n)).toBe('1');
});

describe('R51: a session read is at or above what its session saw, or says that it cannot be', () => {
  test('a session that saw more than the whole chain holds is told so at every member', () => {
    const stage = chainOf('h', 'm', 't');
    stage.ask('h', put('1'));
    stage.pass(100);
    const seen = { level: 'session', token: position(1, 2) } as const;
    const ask = (): (Reply | undefined)[] =>
      ['h', 'm', 't'].map((name) => {
        const asked = stage.ask(name, get('k', seen));
        stage.pass(100);
        return stage.reply(asked);
      });
    const lost = { kind: 'failed', code: 'SESSION_LOST', message: expect.stringContaining('1:2') };
    expect(ask()).toMatchObject([lost, lost, lost]);
    // By barrier too.
    for (const name of ['h', 'm', 't']) stage.expire(name);
    expect(ask()).toMatchObject([lost, lost, lost]);
    stage.ask('h', put('2'));
    stage.pass(100);
    expect(ask()).toMatchObject(Array(3).fill({ kind: 'read', at: position(1, 2) }));
  });
});

describe('P44: a machine sleeps, and its monotonic clock with it', () => {
  function lonelyMiddle(): Stage {
    const stage = chainOf('h', 'm', 't');
    stage.ask('h', put('1'));
    stage.run();
    stage.hold('m>h', 'm>t');
    return stage;
  }

  test('a lease that it held is over', () => {
    const stage = lonelyMiddle();
    stage.grant('m');
    expect(stage.read('m')).toBe('1');
    stage.shiftClock('m', 4000);
    expect(stage.read('m')).toBe('no answer');
  });

  test('so is one that it had asked for, whose grant it finds when it wakes', () => {
    const stage = lonelyMiddle();
    stage.beat('m');
    stage.shiftClock('m', 4000);
    stage.answerBeat('m');
    expect(stage.read('m')).toBe('no answer');
    stage.grant('m');
    expect(stage.read('m')).toBe('1');
  });
});

/** Retention lets go of everything that is applied and on disk. */
function trimLog(stage: Stage, name: string): void {
  const r = stage.replica(name);
  stage.trim(name, r.commit);
  stage.run();
  expect(r.log.start.seq).toBe(r.commit);
}

test('a request whose value the store never brings is answered, and leaves nothing behind', () => {
  const stage = new Stage(['h', 't']);
  stage.order(1, ['h', 't']);
  stage.grant('h', 't');
  stage.run();
  stage.stallValues('h');
  const [write, read] = [stage.ask('h', put('a')), stage.ask('h', get('k'))];
  stage.pass(11_000);
  for (const tag of [write, read])
    expect(stage.reply(tag)).toMatchObject({ code: 'UNAVAILABLE', outcome: 'definite' });
  const state = inspect(stage.actor('h').core);
  expect([state.waiting.size, state.waitingBytes, state.fetches.size]).toEqual([0, 0, 0]);
  // What comes at last orders nothing.
  stage.answerValues('h');
  stage.run();
  expect(stage.replica('h').log.end.seq).toBe(0);
});
