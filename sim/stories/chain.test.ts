/** Stories of the chain itself: handshakes, marks, commits (R1 to R5, R32). The traces are those of docs/redteam.md. */

import { describe, expect, test } from 'vitest';
import { makeEntry, readEntry } from '../../protocol/entry.ts';
import { fromTail, type PeerMessage } from '../../protocol/messages.ts';
import { NodeContext } from '../../protocol/node/context.ts';
import { inspect } from '../../protocol/node/inspect.ts';
import { collect, persisted } from '../../protocol/replica/batch.ts';
import { drop, take } from '../../protocol/replica/chain.ts';
import { defaultTimings } from '../../protocol/timings.ts';
import { chainVersion, epoch, incarnation, origin, slot } from '../../protocol/words.ts';
import { position } from './positions.ts';
import { put, Stage } from './stage.ts';

describe('R1: links of a new version shake hands from head to tail', () => {
  /** [h, m, t]: m and t have (1, a) on disk, h forwarded it before its own disk and is started anew without it. */
  function headLosesWhatItForwarded(): Stage {
    const stage = new Stage(['h', 'm', 't']);
    stage.order(1, ['h', 'm', 't']);
    stage.run();
    stage.stall('h');
    stage.ask('h', put('a'));
    stage.run();
    expect(stage.replica('t').disk).toBe(1);
    expect(stage.replica('t').commit).toBe(0);
    stage.crash('h');
    stage.start('h');
    return stage;
  }

  test('a head that comes back without its last entry does not make the tail commit it', () => {
    const stage = headLosesWhatItForwarded();
    stage.hold('m>t');
    stage.order(2, ['h', 'm', 't']);
    stage.run();
    const b = stage.ask('h', put('b'));
    stage.run();
    // m has (2, b) on disk and says so; t has the old entry of that sequence on disk, which must not count.
    expect(stage.replica('m').disk).toBe(1);
    expect(stage.replica('t').disk).toBe(1);
    expect(stage.replica('t').commit).toBe(0);
    expect(stage.reply(b)).toBe(undefined);
    stage.release('m>t');
    stage.run();
    expect(stage.reply(b)).toMatchObject({ kind: 'written', position: position(2, 1) });
    stage.grant('h', 'm', 't');
    for (const n of ['h', 'm', 't']) expect(stage.read(n)).toBe('b');
  });

  test('a middle offers nothing to its tail before it finished with its head', () => {
    const stage = headLosesWhatItForwarded();
    stage.hold('h>m');
    stage.order(2, ['h', 'm', 't']);
    stage.run();
    expect(stage.replica('m').down).toBe(null);
    expect(stage.replica('t').up).toBe(null);
    stage.release('h>m');
    stage.run();
    expect(stage.replica('m').log.end).toEqual(origin);
    expect(stage.replica('t').log.end).toEqual(origin);
  });

  test('a source offers nothing to its joiner before it finished with its own predecessor', () => {
    const stage = new Stage(['h', 'm', 'j']);
    stage.order(1, ['h', 'm']);
    stage.run();
    stage.stall('h');
    stage.ask('h', put('a'));
    stage.run();
    stage.crash('h');
    stage.start('h');
    stage.hold('h>m');
    stage.order(2, ['h', 'm'], { joiner: 'j' });
    stage.run();
    expect(stage.replica('j').log.end).toEqual(origin);
    stage.release('h>m');
    stage.run();
    const b = stage.ask('h', put('b'));
    stage.run();
    expect(stage.reply(b)?.kind).toBe('written');
    expect(stage.replica('j').log.end).toEqual(position(2, 1));
  });
});

describe('R2: a tail of a new version answers when it has what its predecessor held', () => {
  test('a middle that becomes the tail does not commit what its head has not on disk', () => {
    const stage = new Stage(['h', 'm', 't']);
    stage.order(1, ['h', 'm', 't']);
    stage.run();
    stage.stall('h');
    stage.hold('m>t');
    stage.ask('h', put('a'));
    stage.run();
    expect(stage.replica('m').disk).toBe(1);
    stage.order(2, ['h', 'm'], { to: ['m', 't'] });
    stage.run();
    stage.grant('m');
    expect(stage.replica('m').commit).toBe(0);
    expect(stage.read('m')).not.toBe('a');
    stage.crash('h');
    stage.start('h');
    stage.order(3, ['h', 'm']);
    stage.run();
    stage.grant('h', 'm');
    expect(stage.read('h')).toBe(null);
    expect(stage.read('m')).toBe(null);
  });

  test('a tail that was started in place answers no read before it committed again what it had answered', () => {
    const stage = new Stage(['h', 't']);
    stage.order(1, ['h', 't']);
    stage.run();
    const a = stage.ask('h', put('a'));
    stage.deliver('h>t');
    stage.persist('t');
    stage.persist('h');
    stage.stall('t');
    stage.run();
    expect(stage.reply(a)?.kind).toBe('written');
    // Its mark was not on disk yet: it comes back with the entry and without knowing that it was committed.
    stage.crash('t');
    stage.start('t');
    stage.hold('h>t');
    stage.order(2, ['h', 't']);
    stage.run();
    stage.grant('h', 't');
    expect(stage.replica('t').commit).toBe(0);
    expect(stage.read('t')).toMatch(/^NOT_/);
    stage.release('h>t');
    stage.run();
    expect(stage.read('t')).toBe('a');
  });

  test('a new tail does not answer while what its predecessor held is not on its own disk', () => {
    const stage = new Stage(['h', 't']);
    stage.order(1, ['h', 't']);
    stage.run();
    stage.hold('h>t');
    stage.ask('h', put('a'));
    stage.run();
    stage.crash('t');
    stage.start('t');
    stage.order(2, ['h', 't']);
    stage.run();
    stage.stall('t');
    stage.release('h>t');
    stage.run();
    stage.grant('t');
    expect(stage.replica('t').log.end).toEqual(position(1, 1));
    expect(stage.replica('t').disk).toBe(0);
    expect(stage.read('t')).toMatch(/^NOT_/);
    stage.resume('t');
    stage.run();
    expect(stage.read('t')).toBe('a');
  });
});

describe('R3: a process that was started anew is a member of nothing', () => {
  test('a restarted head orders nothing under the version that its disk remembers', () => {
    const stage = new Stage(['h', 't']);
    const old = { h: stage.incarnation('h') };
    stage.order(1, ['h', 't']);
    stage.run();
    stage.stall('h');
    stage.ask('h', put('a'));
    stage.run();
    stage.crash('h');
    stage.start('h');
    stage.run();
    const early = stage.ask('h', put('b'));
    expect(stage.reply(early)).toMatchObject({ kind: 'failed', outcome: 'definite' });
    // The same when a late set names the version under which its predecessor acted.
    stage.order(1, ['h', 't'], { as: old });
    stage.run();
    expect(stage.replica('h').role).toBe('none');
    const late = stage.ask('h', put('b'));
    expect(stage.reply(late)).toMatchObject({ kind: 'failed', outcome: 'definite' });
    expect(stage.replica('h').log.end).toEqual(origin);
    stage.order(2, ['h', 't']);
    const c = stage.ask('h', put('early, too'));
    stage.run();
    expect(stage.reply(c)).toMatchObject({ kind: 'failed' });
    const b = stage.ask('h', put('b'));
    stage.run();
    expect(stage.reply(b)).toMatchObject({ kind: 'written', position: position(2, 1) });
    stage.grant('t');
    expect(stage.read('t')).toBe('b');
  });

  test('nobody vouches for a reader under a version that names its predecessor', () => {
    const stage = new Stage(['h', 't']);
    const old = { h: stage.incarnation('h') };
    stage.order(1, ['h', 't']);
    stage.run();
    stage.crash('h');
    stage.start('h');
    stage.order(1, ['h', 't'], { as: old });
    stage.run();
    // t has no lease and asks all members: the one that answers there now is another process.
    expect(stage.read('t')).toBe('no answer');
  });

  test('a message of the process before, delivered late, is not taken', () => {
    const stage = new Stage(['h', 't']);
    const old = stage.incarnation('h');
    stage.order(1, ['h', 't']);
    stage.run();
    stage.hold('h>t');
    stage.ask('h', put('a'));
    const late = stage.waiting('h>t')[0];
    expect(late).toMatchObject({ kind: 'append' });
    stage.crash('h');
    stage.start('h');
    stage.release('h>t');
    stage.order(2, ['h', 't']);
    stage.run();
    const session = stage.replica('t').up?.session ?? 0;
    if (late?.kind === 'append')
      stage.inject('h', 't', { ...late, version: stage.replica('t').highest, session }, old);
    expect(stage.replica('t').log.end).toEqual(origin);
  });
});

test('R4: a batch in flight proves nothing about an entry that was dropped since it was taken', () => {
  const stage = new Stage(['a']);
  stage.order(1, ['a']);
  stage.run();
  stage.stall('a');
  const lost = stage.ask('a', put('dropped'));
  const r = stage.replica('a');
  expect(r.flight?.top).toBe(1);
  const first = stage.replica('a').log.items.at(-1)?.entry;
  // The replica functions, as a handshake would use them: drop the entry, take another in its place.
  const ctx = new NodeContext(inspect(stage.actor('a').core));
  drop(r, ctx, origin);
  expect(first).toBeDefined();
  if (first === undefined) return;
  const entry = readEntry(makeEntry({ ...first, version: position(2, 1).version }).bytes);
  if (entry === null) throw new Error('the entry was just made');
  take(r, ctx, entry);
  persisted(r, ctx);
  expect(r.disk).toBe(0);
  expect(r.commit).toBe(0);
  collect(r, ctx, []);
  persisted(r, ctx);
  expect(r.disk).toBe(1);
  stage.pass(10);
  expect(stage.reply(lost)).toMatchObject({ kind: 'failed', code: 'AMBIGUOUS' });
});

describe('R5: nothing survives a change of version by its sequence', () => {
  test('a head that is left out tells its writers that the fate is open, whatever is committed there later', () => {
    const stage = new Stage(['h', 'm', 't']);
    stage.order(1, ['h', 'm', 't']);
    stage.run();
    stage.hold('h>m');
    const a = stage.ask('h', put('a'));
    stage.run();
    stage.order(2, ['m', 't'], { joiner: 'h' });
    stage.run();
    expect(stage.reply(a)).toMatchObject({ kind: 'failed', code: 'AMBIGUOUS', outcome: 'indefinite' });
    stage.release('h>m');
    const b = stage.ask('m', put('b'));
    stage.run();
    expect(stage.reply(b)).toMatchObject({ kind: 'written', position: position(2, 1) });
    stage.order(3, ['m', 't', 'h']);
    stage.run();
    stage.grant('h');
    expect(stage.read('h')).toBe('b');
    expect(stage.reply(a)).toMatchObject({ kind: 'failed', code: 'AMBIGUOUS' });
  });

  test("a tail forgets its predecessor's mark with the version: it counted for other entries", () => {
    const stage = new Stage(['a', 'b', 'c']);
    stage.order(1, ['a', 'b', 'c']);
    stage.run();
    stage.hold('b>c');
    const x = stage.ask('a', put('x'));
    stage.run();
    // b knows that a has (1, x) on disk.
    expect(stage.replica('b')).toMatchObject({ before: 1, disk: 1, commit: 0 });
    stage.hold('c>a');
    stage.order(2, ['c', 'a', 'b']);
    stage.run();
    const y = stage.ask('c', put('y'));
    stage.run();
    stage.link('a', 'c', false);
    stage.link('a', 'c', true);
    stage.stall('a');
    stage.release('c>a', 'b>c');
    stage.run();
    // b has (2, y) on disk, a has not: the mark of version 1 must not commit it.
    expect(stage.replica('b').log.end).toEqual(position(2, 1));
    expect(stage.replica('b').disk).toBe(1);
    expect(stage.replica('a').disk).toBe(0);
    expect(stage.replica('b').commit).toBe(0);
    stage.resume('a');
    stage.run();
    expect(stage.reply(y)).toMatchObject({ kind: 'written', position: position(2, 1) });
    expect(stage.reply(x)).toMatchObject({ kind: 'failed', code: 'AMBIGUOUS' });
  });
});

describe('P18: messages of another version are not taken, nor those of whoever is named alike', () => {
  /** [h, m, t] and what h and t said to m while version 1 began and one entry went down. */
  function heardOfBoth(): { stage: Stage; said: { from: string; message: PeerMessage }[] } {
    const stage = new Stage(['h', 'm', 't']);
    const said: { from: string; message: PeerMessage }[] = [];
    const listen = (): void => {
      for (;;) {
        stage.run();
        const from = ['h', 't'].find((n) => stage.waiting(`${n}>m`).length > 0);
        if (from === undefined) return;
        said.push({ from, message: stage.waiting(`${from}>m`)[0] as PeerMessage });
        stage.deliver(`${from}>m`);
      }
    };
    stage.hold('h>m', 't>m');
    stage.order(1, ['h', 'm', 't']);
    listen();
    stage.ask('h', put('1'));
    listen();
    stage.release('h>m', 't>m');
    stage.run();
    expect(said.map((x) => x.message.kind)).toEqual(
      expect.arrayContaining(['offer', 'append', 'ready', 'agree']),
    );
    return { stage, said };
  }
  const seen = (stage: Stage) => {
    const { log, disk, commit, before, up, down, insync } = stage.replica('m');
    return structuredClone({ end: log.end, disk, commit, before, up, down, insync });
  };

  test('copies of what was said under the version before change nothing and are not answered', () => {
    const { stage, said } = heardOfBoth();
    stage.order(2, ['h', 'm', 't']);
    stage.run();
    stage.hold('m>h', 'm>t');
    const before = seen(stage);
    for (const { from, message } of said) {
      stage.inject(from, 'm', message);
      expect(stage.waiting('m>h'), message.kind).toEqual([]);
      expect(stage.waiting('m>t'), message.kind).toEqual([]);
      expect(seen(stage), message.kind).toEqual(before);
    }
  });
});

test('R32: a new head takes writes at once, and what is in its log goes first', () => {
  const stage = new Stage(['h', 'm', 't']);
  stage.order(1, ['h', 'm', 't']);
  stage.run();
  stage.hold('m>t');
  stage.ask('h', put('a'));
  stage.run();
  stage.crash('h');
  stage.order(2, ['m', 't'], { to: ['m', 't'] });
  stage.run();
  // Its successor does not answer yet.
  const b = stage.ask('m', put('b'));
  stage.run();
  expect(stage.reply(b)).toBe(undefined);
  expect(stage.replica('m').log.end).toEqual(position(2, 2));
  stage.release('m>t');
  stage.run();
  expect(stage.reply(b)).toMatchObject({ kind: 'written', position: position(2, 2) });
});

describe('2.6: the tail tells the head by itself', () => {
  function written(): Stage {
    const stage = new Stage(['h', 'm', 't']);
    stage.order(1, ['h', 'm', 't']);
    stage.run();
    return stage;
  }

  test('a write is done although the middle has not passed on anything', () => {
    const stage = written();
    stage.hold('m>h');
    const tag = stage.ask('h', put('a'));
    stage.run();
    expect(stage.reply(tag)).toMatchObject({ kind: 'written', position: position(1, 1) });
    expect(stage.waiting('m>h')).toEqual([]);
    expect(stage.replica('m').commit).toBe(1);
  });

  test('what is lost on the way comes by the chain', () => {
    const stage = written();
    stage.hold('t>h');
    const tag = stage.ask('h', put('a'));
    stage.run();
    expect(stage.reply(tag)).toBe(undefined);
    stage.pass(200);
    expect(stage.reply(tag)).toMatchObject({ kind: 'written', position: position(1, 1) });
  });

  test('only the tail of this very version is believed, by incarnation', () => {
    const stage = written();
    stage.stall('m');
    const tag = stage.ask('h', put('a'));
    stage.run();
    const commit = position(1, 1);
    const word = { kind: 'commit', slot: slot(0), version: chainVersion(1), session: fromTail } as const;
    const told = { ...word, commit, durable: commit, copied: false, headTold: true };
    stage.inject('m', 'h', told);
    stage.inject('t', 'h', told, incarnation(epoch(9), 9));
    stage.inject('t', 'h', { ...told, version: chainVersion(2) });
    stage.run();
    expect(stage.replica('h').commit).toBe(0);
    expect(stage.reply(tag)).toBe(undefined);
  });
});

describe('2.2: group commit', () => {
  test('effects of committed entries wait for a batch that somebody waits for, but not for long', () => {
    const stage = new Stage(['h', 'm', 't']);
    stage.order(1, ['h', 'm', 't']);
    stage.run();
    stage.ask('h', put('a'));
    stage.run();
    expect(stage.replica('h').commit).toBe(1);
    expect(stage.replica('h').appliedDisk).toBe(0);
    stage.grant('h');
    expect(stage.read('h')).toBe('a');
    stage.ask('h', put('b'));
    stage.run();
    expect(stage.replica('h').appliedDisk).toBe(1);
    stage.pass(2 * defaultTimings.beaconMs);
    for (const n of ['h', 'm', 't']) expect(stage.replica(n).appliedDisk).toBe(2);
  });
});
