/** Stories of nodes of different releases in one chain (feature levels). */
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { reportOf } from '../../protocol/replica/replica.ts';
import { entryAt } from '../../protocol/testing/samples.ts';
import { chainVersion, clientId, origin, slot } from '../../protocol/words.ts';
import { position } from './positions.ts';
import { put, Stage } from './stage.ts';

describe('a head knows what every member of its chain knows', () => {
  const levelAt = (stage: Stage, name: string): number | undefined => stage.replica(name).down?.features;

  test('the lowest level behind it, learned at every version anew', () => {
    const stage = new Stage(['h', 'm', 't'], {}, { h: 3, m: 3, t: 2 });
    stage.order(1, ['h', 'm', 't']);
    stage.pass(200);
    expect([levelAt(stage, 'h'), levelAt(stage, 'm')]).toEqual([2, 2]);
    stage.order(2, ['h', 'm']);
    stage.pass(200);
    expect(levelAt(stage, 'h')).toBe(3);
    const written = stage.ask('h', put('a'));
    stage.pass(100);
    expect(stage.reply(written)?.kind).toBe('written');
  });

  test('a joiner counts before it is a member: it is sent everything already', () => {
    const stage = new Stage(['h', 't', 'j'], {}, { h: 2, t: 2, j: 1 });
    stage.order(1, ['h', 't']);
    stage.pass(200);
    expect(levelAt(stage, 'h')).toBe(2);
    stage.order(2, ['h', 't'], { joiner: 'j' });
    stage.pass(200);
    expect(levelAt(stage, 'h')).toBe(1);
  });

  test('nothing is known of who has not answered', () => {
    const stage = new Stage(['h', 'm', 't'], {}, { h: 2, m: 2, t: 2 });
    stage.hold('t>m');
    stage.order(1, ['h', 'm', 't']);
    stage.pass(200);
    expect(levelAt(stage, 'h')).toBe(1);
    stage.release('t>m');
    stage.pass(200);
    expect(levelAt(stage, 'h')).toBe(2);
  });
});

test('an entry of a kind that is not known is refused with a sentence, and not asked for again', () => {
  const stage = new Stage(['h', 't']);
  stage.order(1, ['h', 't']);
  stage.pass(200);
  const { up } = stage.replica('t');
  const entry = entryAt(1, { client: clientId(7), value: new Uint8Array(3) });
  const bytes = Buffer.from(entry.bytes);
  bytes[9] = 77;
  bytes.writeUInt32LE(crc32(bytes.subarray(8)), 4);
  stage.hold('t>h');
  stage.inject('h', 't', {
    kind: 'append',
    slot: slot(0),
    version: chainVersion(1),
    session: up?.session ?? 0,
    entries: [bytes],
    end: position(1, 1),
    durable: position(1, 1),
    commit: origin,
  });
  stage.pass(500);
  expect(stage.waiting('t>h').filter((m) => m.kind === 'broken' || m.kind === 'ready')).toEqual([]);
  const why = 'h sent entry 1:1 of a kind that this release does not know; run the release of h on t too';
  expect(reportOf(stage.replica('t'))).toMatchObject({ state: 'lost', why });
  stage.release('t>h');
  // The others go on; the same process does not join again, a new one does.
  stage.order(2, ['h'], { joiner: 't' });
  stage.pass(500);
  expect(reportOf(stage.replica('t'))).toMatchObject({ state: 'lost', why });
  const written = stage.ask('h', put('a'));
  stage.pass(100);
  expect(stage.reply(written)?.kind).toBe('written');
  stage.crash('t');
  stage.start('t');
  stage.order(3, ['h'], { joiner: 't' });
  stage.pass(500);
  expect(stage.replica('h').insync).toBe(stage.incarnation('t'));
});
