/** Stories of reads of the store that take their time while clients write (R42). */
import { describe, expect, test } from 'vitest';
import { limits } from '../../protocol/limits.ts';
import type { CopyChunk } from '../../protocol/messages.ts';
import { key } from '../../protocol/words.ts';
import { position } from './positions.ts';
import { get, put, Stage } from './stage.ts';

/** a and b serve, their logs are trimmed, so that c can only join by a copy from b. */
function beforeJoin(): Stage {
  const stage = new Stage(['a', 'b', 'c']);
  stage.order(1, ['a', 'b'], { to: ['a', 'b'] });
  stage.run();
  stage.grant('a', 'b');
  stage.ask('a', put('1'));
  stage.pass(200);
  stage.trim('a', 1);
  stage.trim('b', 1);
  return stage;
}

function admit(stage: Stage): void {
  expect(stage.replica('b').insync).toBe(stage.incarnation('c'));
  stage.order(3, ['a', 'b', 'c']);
  stage.run();
  stage.pass(100);
  stage.grant('a', 'b', 'c');
}

function write(stage: Stage, value: string, of = 'k'): void {
  const tag = stage.ask('a', put(value, { key: key(of) }));
  stage.pass(200);
  expect(stage.reply(tag)?.kind).toBe('written');
}

const bytesOf = (m: CopyChunk): number => m.values.reduce((sum, v) => sum + v.length, 0);

describe('R42: a chunk of a copy is the state at its mark, however long the scan took', () => {
  test('what was written, applied and let go of during the scan is in the chunk', () => {
    const stage = beforeJoin();
    stage.stallScans('b');
    stage.order(2, ['a', 'b'], { joiner: 'c' });
    stage.pass(60);
    expect(stage.scansUnderWay('b')).toBe(1);
    write(stage, '2');
    stage.ask('a', { ...put('', { key: key('new') }), op: 'put' });
    stage.pass(200);
    expect(stage.replica('b').appliedDisk).toBe(3);
    stage.answerScans('b');
    stage.pass(200);
    admit(stage);
    expect(stage.read('c')).toBe('2');
    stage.crash('a');
    stage.crash('b');
    stage.order(4, ['c'], { to: ['c'] });
    stage.pass(100);
    expect(stage.read('c')).toBe('2');
    expect(stage.read('c', 'new')).toBe('');
  });

  test('a key that was deleted during the scan is not in the chunk', () => {
    const stage = beforeJoin();
    stage.stallScans('b');
    stage.order(2, ['a', 'b'], { joiner: 'c' });
    stage.pass(60);
    stage.ask('a', { ...put(''), op: 'delete' });
    stage.pass(200);
    stage.answerScans('b');
    stage.pass(200);
    admit(stage);
    expect(stage.read('c')).toBe(null);
  });

  test('a chunk is asked for again while its scan is under way, and is scanned once', () => {
    const stage = beforeJoin();
    stage.stallScans('b');
    stage.order(2, ['a', 'b'], { joiner: 'c' });
    stage.pass(3000);
    expect(stage.scansUnderWay('b')).toBe(1);
  });

  test('a scan that would hold too much memory is given up, and asked for again', () => {
    const stage = beforeJoin();
    stage.stallScans('b');
    stage.order(2, ['a', 'b'], { joiner: 'c' });
    stage.pass(60);
    const big = 'x'.repeat(limits.valueBytes);
    for (let i = 0; i < 40; i++) write(stage, big, `k${i}`);
    expect(stage.replica('b').log.heldBytes).toBeLessThan(limits.logMemoryBytes);
    expect(stage.replica('b').pins.size).toBeLessThan(2);
    stage.answerScans('b');
    stage.pass(2000);
    admit(stage);
    for (let i = 0; i < 40; i++) expect(stage.read('c', `k${i}`)).toBe(big);
  });

  test('what a joiner whose disk stands still was not sent is not kept in memory', () => {
    const stage = beforeJoin();
    stage.stallScans('b');
    stage.order(2, ['a', 'b'], { joiner: 'c' });
    stage.pass(60);
    stage.stall('c');
    stage.answerScans('b');
    for (let i = 0; i < 9000; i++) {
      stage.ask('a', put('x', { key: key(`k${i}`) }));
      if (i % 500 === 499) stage.pass(120);
    }
    stage.pass(200);
    expect(stage.replica('b').commit).toBe(9001);
    expect(stage.replica('b').down?.sent).toBeLessThan(9001);
    for (const name of ['a', 'b']) expect(stage.replica(name).log.base).toBeGreaterThan(8700);
    stage.resume('c');
    stage.pass(1000);
    admit(stage);
    expect(stage.read('c', 'k8999')).toBe('x');
  });

  test('a chunk keeps its size, whatever is laid over it', () => {
    const stage = beforeJoin();
    stage.stallScans('b');
    stage.order(2, ['a', 'b'], { joiner: 'c' });
    stage.pass(60);
    const value = 'x'.repeat(10_000);
    for (let i = 0; i < 100; i++) write(stage, value, `k${i}`);
    stage.hold('b>c');
    stage.answerScans('b');
    const chunk = stage.waiting('b>c').find((m) => m.kind === 'copyChunk');
    if (chunk === undefined) throw new Error('there is a chunk');
    expect(bytesOf(chunk)).toBeLessThan(limits.copyBytes + 20_000);
    stage.release('b>c');
    stage.pass(500);
    admit(stage);
    for (let i = 0; i < 100; i++) expect(stage.read('c', `k${i}`)).toBe(value);
  });
});

describe('R42: a copy over a slow link comes to its end', () => {
  test('a chunk that travels longer than the question waits is taken, with what was written since laid over', () => {
    const stage = beforeJoin();
    stage.hold('b>c');
    stage.order(2, ['a', 'b'], { joiner: 'c' });
    let chunk: CopyChunk | undefined;
    for (let ms = 0; ms < 2000; ms += 10) {
      if (ms % 100 === 0) stage.ask('a', put(`at ${ms}`));
      stage.pass(10);
      // Entries arrive at once; chunks have a connection of their own, which is slow.
      for (const m of stage.takeWaiting('b>c')) {
        if (m.kind === 'copyChunk') chunk ??= m;
        else stage.inject('b', 'c', m);
      }
    }
    expect(stage.replica('c').commit).toBeGreaterThan((chunk as CopyChunk).at.seq);
    stage.inject('b', 'c', chunk as CopyChunk);
    expect(stage.replica('c').copy?.of).toBe('sessions');
    stage.release('b>c');
    stage.pass(1000);
    expect(stage.replica('c').complete).toBe(true);
    admit(stage);
    expect(stage.read('c')).toBe('at 1900');
  });
});

describe('P8: a joiner hears each commit mark', () => {
  test('one that was lost on the way is told again, although nothing else is to be said', () => {
    const stage = beforeJoin();
    stage.stallScans('b');
    stage.order(2, ['a', 'b'], { joiner: 'c' });
    stage.pass(60);
    stage.hold('b>c');
    stage.ask('a', put('2'));
    stage.run();
    for (const m of stage.takeWaiting('b>c'))
      if (m.kind === 'append' && m.entries.length > 0) stage.inject('b', 'c', m);
    stage.pass(200);
    stage.takeWaiting('b>c');
    expect([stage.replica('b').commit, stage.replica('c').disk, stage.replica('c').commit]).toEqual([
      2, 2, 1,
    ]);
    stage.release('b>c');
    stage.answerScans('b');
    stage.pass(1000);
    admit(stage);
    expect(stage.read('c')).toBe('2');
  });
});

describe('R42: the position of a read covers what it returned', () => {
  test.each(['session', 'eventual', 'strong'] as const)(
    'a %s read whose value was overwritten while the store was read names the new position',
    (level) => {
      const stage = new Stage(['h', 'm', 't']);
      stage.order(1, ['h', 'm', 't']);
      stage.run();
      stage.grant('h', 'm', 't');
      stage.ask('h', put('1'));
      stage.pass(200);
      stage.stallValues('t');
      const first = stage.ask('t', get('k', { level }));
      stage.run();
      stage.hold('t>m');
      stage.ask('h', put('2'));
      stage.run();
      stage.hold('h>m');
      stage.pass(200);
      expect(stage.replica('m').commit).toBe(1);
      stage.answerValues('t', 'now');
      expect(stage.reply(first)).toMatchObject({ kind: 'read', at: position(1, 2) });
      // The member that has not heard of that commit does not answer the session from before it.
      const second = stage.ask('m', get('k', { level: 'session', token: position(1, 2) }));
      stage.run();
      stage.release('t>m', 'h>m');
      stage.pass(100);
      expect(stage.reply(second)).toMatchObject({ kind: 'read', at: position(1, 2) });
    },
  );

  test('so does one that finds the key deleted', () => {
    const stage = new Stage(['h', 't']);
    stage.order(1, ['h', 't']);
    stage.run();
    stage.ask('h', put('1'));
    stage.pass(200);
    stage.stallValues('t');
    const tag = stage.ask('t', get('k', { level: 'eventual' }));
    stage.ask('h', { ...put(''), op: 'delete' });
    stage.pass(200);
    stage.answerValues('t', 'now');
    expect(stage.reply(tag)).toMatchObject({ kind: 'read', entry: null, at: position(1, 2) });
  });
});

describe('R42: a write is decided by the newest value', () => {
  test('a value that was overwritten and let go of while it was read is not the newest', () => {
    const stage = new Stage(['h', 't']);
    stage.order(1, ['h', 't']);
    stage.run();
    stage.grant('h', 't');
    stage.ask('h', put('1'));
    stage.pass(200);
    stage.stallValues('h');
    const mine = stage.ask('h', put('3', { conditions: [{ field: 'revision', operator: 'eq', value: 1 }] }));
    stage.ask('h', put('2'));
    stage.answerValue('h', 1);
    stage.pass(200);
    expect(stage.replica('h').appliedDisk).toBe(2);
    stage.answerValues('h');
    stage.run();
    expect(stage.reply(mine)).toMatchObject({ code: 'CONDITION_FAILED' });
  });

  test('when that would hold too much memory the value is read again', () => {
    const stage = new Stage(['h', 't']);
    stage.order(1, ['h', 't']);
    stage.run();
    stage.grant('h', 't');
    stage.ask('h', put('1'));
    stage.pass(200);
    stage.stallValues('h');
    const mine = stage.ask('h', put('3', { conditions: [{ field: 'revision', operator: 'eq', value: 1 }] }));
    const big = 'x'.repeat(limits.valueBytes);
    for (let i = 0; i < 40; i++) {
      stage.ask('h', put(big, { key: key(i === 0 ? 'k' : `k${i}`) }));
      stage.answerValue('h', 1);
      stage.pass(100);
    }
    expect(stage.replica('h').log.heldBytes).toBeLessThan(limits.logMemoryBytes);
    stage.answerValues('h');
    stage.run();
    expect(stage.reply(mine)).toMatchObject({ code: 'CONDITION_FAILED' });
  });
});

describe('R42: a weak read shows nothing of a range that was emptied while it read', () => {
  test('not even when the range is whole again', () => {
    const stage = beforeJoin();
    stage.order(2, ['a', 'b', 'c'], { to: [] });
    stage.stallValues('b');
    const tag = stage.ask('b', get('k', { level: 'eventual' }));
    // b leaves, comes back blank and is whole again before its disk answers, with what it saw in between.
    stage.order(3, ['a'], { drop: true });
    stage.pass(100);
    stage.order(4, ['a'], { joiner: 'b', to: ['a', 'b'] });
    stage.pass(500);
    stage.order(5, ['a', 'b'], { to: ['a', 'b'] });
    stage.pass(200);
    expect(stage.replica('b').complete).toBe(true);
    expect(stage.replica('b').commit).toBe(1);
    stage.answerValues('b', 'now');
    expect(stage.reply(tag)).toMatchObject({ kind: 'failed', code: 'NOT_READY' });
  });
});

describe('R45: what is in flight to a successor is bounded', () => {
  const value = 'x'.repeat(1000);
  const sentBytes = (stage: Stage, wire: string): number =>
    stage
      .waiting(wire)
      .flatMap((m) => (m.kind === 'append' ? m.entries : []))
      .reduce((sum, e) => sum + e.length, 0);

  test('in bytes: a successor that confirms nothing is sent no more, and the rest when it does', () => {
    const stage = new Stage(['h', 't'], {}, {}, { ...limits, inFlightBytes: 4000 });
    stage.order(1, ['h', 't']);
    stage.run();
    stage.hold('h>t');
    const tags = Array.from({ length: 20 }, (_, i) => stage.ask('h', put(value, { key: key(`k${i}`) })));
    stage.pass(1000);
    expect(sentBytes(stage, 'h>t')).toBeGreaterThan(3000);
    expect(sentBytes(stage, 'h>t')).toBeLessThan(4000 + 2 * value.length);
    stage.release('h>t');
    stage.pass(200);
    for (const tag of tags) expect(stage.reply(tag)?.kind).toBe('written');
    expect(stage.replica('h').down).toMatchObject({ flying: [], flyingBytes: 0 });
  });

  test('an entry larger than the bound goes alone', () => {
    const stage = new Stage(['h', 't'], {}, {}, { ...limits, inFlightBytes: 1 });
    stage.order(1, ['h', 't']);
    stage.run();
    const tags = Array.from({ length: 5 }, () => stage.ask('h', put(value)));
    stage.pass(200);
    for (const tag of tags) expect(stage.reply(tag)?.kind).toBe('written');
  });

  test('what a handshake offered goes whole, because a member without it does not go on', () => {
    const stage = new Stage(['h', 'm', 't'], {}, {}, { ...limits, inFlightBytes: 4000, appendBytes: 1000 });
    stage.order(1, ['h', 'm', 't']);
    stage.run();
    stage.link('h', 'm', false);
    const tags = Array.from({ length: 20 }, (_, i) => stage.ask('h', put(value, { key: key(`k${i}`) })));
    stage.run();
    stage.link('h', 'm', true);
    stage.order(2, ['h', 'm', 't']);
    stage.pass(500);
    for (const tag of tags) expect(stage.reply(tag)?.kind).toBe('written');
  });

  test('also to a joiner, whose entries are read from the log', () => {
    const stage = new Stage(['a', 'c'], {}, {}, { ...limits, inFlightBytes: 4000, appendBytes: 1000 });
    stage.order(1, ['a'], { to: ['a'] });
    stage.run();
    for (let i = 0; i < 20; i++) stage.ask('a', put(value, { key: key(`k${i}`) }));
    stage.pass(200);
    stage.stall('c');
    stage.order(2, ['a'], { joiner: 'c' });
    stage.pass(1000);
    expect(stage.replica('c').log.end.seq).toBeLessThan(20);
    stage.resume('c');
    stage.pass(500);
    expect(stage.replica('a').insync).toBe(stage.incarnation('c'));
    expect(stage.replica('c').disk).toBe(20);
  });
});
