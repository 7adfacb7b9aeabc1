/** Stories of what a disk forgot or kept too long, and of joins (R10, R15, R19, R20, R22, R28, R29, R50). */
import { describe, expect, test } from 'vitest';
import { limits } from '../../protocol/limits.ts';
import type { PersistItem } from '../../protocol/persist.ts';
import { reportOf } from '../../protocol/replica/replica.ts';
import { comparePositions, key, noIncarnation, origin } from '../../protocol/words.ts';
import { position } from './positions.ts';
import { put, Stage } from './stage.ts';

describe('R10: a joiner counts only where the tail of this version, in this process, waits for it', () => {
  function insync(): Stage {
    const stage = new Stage(['t', 'j']);
    stage.order(1, ['t'], { joiner: 'j' });
    stage.pass(200);
    expect(stage.replica('t').insync).toBe(stage.incarnation('j'));
    return stage;
  }

  test('a tail goes on waiting for a silent joiner until the coordinator says otherwise', () => {
    const stage = insync();
    stage.link('t', 'j', false);
    const a = stage.ask('t', put('a'));
    stage.pass(5000);
    expect(stage.reply(a)).toBe(undefined);
    stage.order(1, ['t']);
    stage.run();
    expect(stage.reply(a)?.kind).toBe('written');
  });

  test('what is acknowledged while it is in-sync is on its disk', () => {
    const stage = insync();
    stage.stall('j');
    const a = stage.ask('t', put('a'));
    stage.run();
    expect(stage.reply(a)).toBe(undefined);
    stage.resume('j');
    stage.run();
    expect(stage.reply(a)?.kind).toBe('written');
    expect(stage.replica('j').disk).toBe(1);
  });

  test('a report of a tail that was started anew says nothing of the joiner', () => {
    const stage = insync();
    stage.crash('t');
    stage.start('t');
    stage.hold('j>t');
    stage.order(2, ['t'], { joiner: 'j' });
    stage.pass(100);
    expect(reportOf(stage.replica('t')).insync).toBe(noIncarnation);
  });

  test('nor does one about the process that the joiner was before', () => {
    const stage = insync();
    const before = stage.incarnation('j');
    stage.crash('j');
    stage.start('j');
    stage.hold('j>t');
    stage.order(1, ['t'], { joiner: 'j' });
    stage.pass(100);
    expect(reportOf(stage.replica('t')).insync).not.toBe(before);
    const a = stage.ask('t', put('a'));
    stage.run();
    expect(stage.reply(a)?.kind).toBe('written');
  });

  test('a joiner that became the tail answers only when it has what its predecessor holds', () => {
    const stage = insync();
    stage.link('t', 'j', false);
    const a = stage.ask('t', put('a'));
    stage.order(2, ['t', 'j']);
    stage.run();
    stage.grant('j');
    expect(stage.read('j')).toMatch(/^NOT_/);
    stage.link('t', 'j', true);
    stage.run();
    expect(stage.reply(a)?.kind).toBe('written');
    expect(stage.read('j')).toBe('a');
  });
});

describe('R15: a member that lost the durable end of its log goes, the witness stays', () => {
  /** [h, m, t] with two acknowledged writes; h's volume is put back to the time of the first, m's mark lags. */
  function rolledBack(): Stage {
    const stage = new Stage(['h', 'm', 't']);
    stage.order(1, ['h', 'm', 't']);
    stage.run();
    stage.ask('h', put('1'));
    stage.run();
    const old = stage.snapshot('h');
    stage.hold('t>m');
    stage.ask('h', put('2'));
    stage.run();
    expect(stage.replica('t').commit).toBe(2);
    expect(stage.replica('m').commit).toBe(1);
    stage.crash('h');
    stage.restore('h', old);
    stage.start('h');
    return stage;
  }

  test('its successor drops nothing at its word, and it learns that it lacks what it promised', () => {
    const stage = rolledBack();
    stage.release('t>m');
    stage.order(2, ['h', 'm', 't']);
    stage.run();
    expect(stage.replica('m').log.end).toEqual(position(1, 2));
    expect(stage.replica('t').log.end).toEqual(position(1, 2));
    expect(stage.replica('m').lost).toBe('');
    expect(stage.replica('t').lost).toBe('');
    expect(reportOf(stage.replica('h'))).toMatchObject({ state: 'lost' });
    stage.grant('h');
    expect(stage.read('h')).toMatch(/^NOT_/);
    // The coordinator leaves it out; the acknowledged write is there.
    stage.order(3, ['m', 't'], { joiner: 'h' });
    stage.run();
    stage.grant('m', 't');
    expect(stage.read('m')).toBe('2');
    expect(stage.read('t')).toBe('2');
    expect(stage.replica('h').log.end).toEqual(position(1, 2));
  });

  test('a process whose own mark says that it had more finds out by itself', () => {
    const stage = new Stage(['h', 't']);
    stage.order(1, ['h', 't']);
    stage.run();
    stage.ask('h', put('1'));
    stage.run();
    stage.pass(200);
    stage.crash('h');
    stage.start('h', { log: [] });
    expect(reportOf(stage.replica('h'))).toMatchObject({ state: 'lost' });
    stage.order(2, ['h', 't']);
    stage.run();
    expect(stage.replica('h').role).toBe('none');
    expect(stage.replica('t').log.end).toEqual(position(1, 1));
  });
});

describe('R50: after a crash of all nothing is dropped at the word of a head whose disk lost the end of its log', () => {
  const names = ['h', 'm', 't'] as const;

  /** Two acknowledged writes, then all are killed, before any mark but those of the appending batches was saved. */
  function killed(version = 1, order: readonly string[] = names): Stage {
    const stage = new Stage(names);
    stage.order(version, order);
    stage.run();
    for (const v of ['1', '2']) {
      const tag = stage.ask(order[0] as string, put(v));
      stage.run();
      expect(stage.reply(tag)?.kind).toBe('written');
    }
    for (const name of names) stage.crash(name);
    return stage;
  }

  function tear(stage: Stage, name: string, kept: number): void {
    const held = stage.actor(name).disk.slot(stage.replica(name).slot);
    held.log.splice(kept);
    held.marks = { ...held.marks, passed: origin };
    stage.start(name);
  }

  test.each([0, 1])(
    'its followers keep the acknowledged writes, and it comes back for them: %i left',
    (kept) => {
      const stage = killed();
      stage.start('m');
      stage.start('t');
      for (const name of ['m', 't'])
        expect(stage.actor(name).disk.slot(stage.replica(name).slot).marks.promised.seq).toBeLessThan(2);
      tear(stage, 'h', kept);
      stage.order(2, names);
      stage.run();
      expect(reportOf(stage.replica('h'))).toMatchObject({ state: 'lost' });
      expect([stage.replica('m').lost, stage.replica('t').lost]).toEqual(['', '']);
      stage.order(3, ['m', 't'], { joiner: 'h' });
      stage.run();
      stage.grant('m', 't');
      expect(stage.read('m')).toBe('2');
      expect(stage.read('t')).toBe('2');
      expect(stage.replica('h').log.end).toEqual(position(1, 2));
    },
  );

  test('nor of one in the middle, nor of several', () => {
    const stage = killed();
    stage.start('t');
    tear(stage, 'h', 0);
    tear(stage, 'm', 1);
    stage.order(2, names);
    stage.run();
    expect(reportOf(stage.replica('h'))).toMatchObject({ state: 'lost' });
    stage.order(3, ['m', 't']);
    stage.run();
    expect(reportOf(stage.replica('m'))).toMatchObject({ state: 'lost' });
    stage.order(4, ['t'], { joiner: 'm' });
    stage.run();
    stage.grant('t');
    expect(stage.read('t')).toBe('2');
    expect(stage.replica('m').log.end).toEqual(position(1, 2));
  });

  test('nor of one that a new order moved to the front meanwhile', () => {
    const stage = killed(1, ['m', 'h', 't']);
    stage.start('m');
    stage.start('t');
    tear(stage, 'h', 1);
    stage.order(2, names);
    stage.run();
    expect(reportOf(stage.replica('h'))).toMatchObject({ state: 'lost' });
    expect(stage.replica('m').log.end).toEqual(position(1, 2));
  });

  test('one in the middle that lost its end behind a head that has it is sent it again', () => {
    const stage = killed();
    stage.start('h');
    stage.start('t');
    tear(stage, 'm', 1);
    stage.order(2, names);
    stage.run();
    for (const name of names) expect(reportOf(stage.replica(name)).why).toBe('');
    stage.grant('m', 't');
    expect([stage.read('m'), stage.read('t')]).toEqual(['2', '2']);
  });

  test('who goes on living behind a head that was started anew drops what was not promised', () => {
    const stage = new Stage(names);
    stage.order(1, names);
    stage.run();
    stage.stall('h');
    stage.ask('h', put('1'));
    stage.run();
    expect(stage.replica('t').disk).toBe(1);
    stage.crash('h');
    stage.start('h');
    stage.order(2, names);
    stage.run();
    for (const name of names) expect(reportOf(stage.replica(name)).why).toBe('');
    expect(stage.replica('t').log.end).toEqual(origin);
  });
});

describe('R19: absence from a set is no order', () => {
  test('an older set that comes late changes nothing, and a newer one without the slot deletes nothing', () => {
    const stage = new Stage(['a']);
    stage.order(1, ['a']);
    stage.run();
    stage.ask('a', put('1'));
    stage.run();
    stage.set('a', 1, []);
    stage.set('a', 50, []);
    stage.run();
    stage.grant('a');
    expect(stage.read('a')).toBe('1');
    // The same revision again, with an order that would be news.
    stage.order(2, ['a']);
    stage.run();
    expect(stage.replica('a').assignment?.version).toBe(1);
  });

  test('data goes only with an order that names a version without this node', () => {
    const stage = new Stage(['a', 'b']);
    stage.order(1, ['a', 'b']);
    stage.run();
    stage.ask('a', put('1'));
    stage.run();
    stage.order(2, ['b']);
    stage.run();
    expect(stage.actor('a').disk.slot(stage.replica('a').slot).log).toHaveLength(1);
    stage.order(3, ['b'], { drop: true, to: ['a'] });
    stage.run();
    const disk = stage.actor('a').disk.slot(stage.replica('a').slot);
    expect([disk.log.length, disk.values.size]).toEqual([0, 0]);
    // The version of the slot that was left is remembered: an older one is refused.
    stage.order(2, ['a']);
    stage.run();
    expect(stage.replica('a').role).toBe('none');
  });
});

describe('R20: dropped entries do not come back', () => {
  test('a drop is written together with or before the first entry that follows, across a crash at any batch', () => {
    const stage = new Stage(['h', 'm', 't']);
    stage.order(1, ['h', 'm', 't']);
    stage.run();
    stage.stall('h');
    for (const v of ['10', '11', '12']) stage.ask('h', put(v));
    stage.run();
    expect(stage.replica('m').disk).toBe(3);
    stage.crash('h');
    stage.start('h');
    stage.hold('h>m');
    stage.order(2, ['h', 'm', 't']);
    stage.run();
    stage.stall('m');
    stage.release('h>m');
    stage.run();
    stage.ask('h', put('new'));
    stage.run();
    const items: PersistItem[] = [];
    while (stage.replica('m').disk < 1) {
      items.push(...(stage.actor('m').batch?.items ?? []));
      stage.persist('m');
      expect(isOneLog(stage, 'm')).toBe(true);
    }
    const kinds = items.map((i) => i.kind);
    expect(kinds.indexOf('drop')).toBeGreaterThanOrEqual(0);
    expect(kinds.indexOf('drop')).toBeLessThan(kinds.indexOf('append'));
    stage.crash('m');
    stage.start('m');
    expect(stage.replica('m').log.end).toEqual(position(2, 1));
  });
});

describe('R22: after a power cut under `os` the longest log proves nothing', () => {
  test('a replica whose machine booted anew comes back as a returner, however long its log is', () => {
    const stage = new Stage(['a', 'b']);
    stage.order(1, ['a', 'b']);
    stage.run();
    for (const v of ['1', '2', '3']) stage.ask('a', put(v));
    stage.run();
    stage.crash('a');
    stage.start('a', { syncedEnd: position(1, 1) });
    expect(reportOf(stage.replica('a'))).toMatchObject({ state: 'unproven' });
    stage.order(2, ['a', 'b']);
    stage.run();
    expect(stage.replica('a').role).toBe('none');
  });

  test('named alone it carries the chain on with all that its log holds', () => {
    const stage = new Stage(['a', 'b']);
    stage.order(1, ['a', 'b']);
    stage.run();
    for (const v of ['1', '2', '3']) stage.ask('a', put(v));
    stage.run();
    for (const n of ['a', 'b']) {
      stage.crash(n);
      stage.start(n, { syncedEnd: position(1, 1) });
    }
    stage.order(2, ['a'], { to: ['a'] });
    stage.run();
    expect(reportOf(stage.replica('a'))).toMatchObject({ state: 'serving', end: position(1, 3), why: '' });
  });

  test('a log with a hole is not only unproven', () => {
    const stage = new Stage(['a', 'b']);
    stage.order(1, ['a', 'b']);
    stage.run();
    stage.ask('a', put('1'));
    stage.run();
    stage.crash('a');
    const marks = { commit: position(1, 1), passed: position(1, 1), promised: origin, complete: false };
    stage.start('a', { syncedEnd: position(1, 1), marks });
    expect(reportOf(stage.replica('a'))).toMatchObject({ state: 'lost' });
  });

  test('logs are compared by version first: a short log of a newer version beats a long old one', () => {
    expect(comparePositions(position(2, 10), position(1, 12))).toBeGreaterThan(0);
  });
});

describe('P28: what somebody still needs of a log is not trimmed', () => {
  /** t comes back with an older disk and is sent what it lacks from the log of m, which is read from the store. */
  function tailFarBehind(): Stage {
    const stage = new Stage(['h', 'm', 't']);
    stage.order(1, ['h', 'm', 't']);
    stage.run();
    stage.ask('h', put('1'));
    stage.run();
    const old = stage.snapshot('t');
    for (const v of ['2', '3']) stage.ask('h', put(v));
    stage.pass(200);
    stage.crash('t');
    stage.restore('t', old);
    stage.start('t');
    stage.order(2, ['h', 'm', 't']);
    return stage;
  }

  test('a member is sent older entries while retention wants them gone', () => {
    const stage = tailFarBehind();
    stage.stallLogReads('m');
    stage.run();
    expect(stage.replica('m').down).toMatchObject({ state: 'open', sent: 1, reading: true });
    stage.trim('m', 3);
    expect(stage.replica('m').log.start.seq).toBe(1);
    stage.pass(200);
    expect(stage.replica('m').down).toMatchObject({ state: 'open', sent: 1 });
  });

  test('an answer to an offer that retention overtook begins the handshake anew', () => {
    const stage = tailFarBehind();
    stage.hold('t>m');
    stage.run();
    stage.trimNow('m', 3);
    stage.ask('h', put('4'));
    stage.run();
    expect(stage.replica('m').log.start.seq).toBe(3);
    stage.release('t>m');
    stage.pass(200);
    // What t lacks is nowhere in the log any more: it comes back by a snapshot.
    expect(reportOf(stage.replica('t'))).toMatchObject({ state: 'lost' });
  });
});

describe('P28: what a joiner holds of the log is bounded', () => {
  /** c follows the log of a as far as its disk goes, and its disk stands still. */
  function lagging(): Stage {
    const stage = new Stage(['a', 'c'], {}, {}, { ...limits, inFlightBytes: 1000, appendBytes: 1000 });
    stage.order(1, ['a'], { joiner: 'c' });
    stage.pass(200);
    stage.order(1, ['a']);
    stage.pass(100);
    for (let i = 0; i < 20; i++) stage.ask('a', put('x'.repeat(1000), { key: key(`k${i}`) }));
    stage.pass(200);
    stage.stall('c');
    stage.order(1, ['a'], { joiner: 'c' });
    stage.pass(200);
    expect(stage.replica('a').down).toMatchObject({ state: 'open', heard: 0 });
    expect(stage.replica('a').down?.sent).toBeLessThan(10);
    return stage;
  }

  test('retention waits for it, and no longer when the log takes far more than that', () => {
    const stage = lagging();
    stage.trim('a', 15);
    expect(stage.replica('a').log.start.seq).toBe(0);
    stage.trimOverdue('a', 15);
    expect(stage.replica('a').log.start.seq).toBe(15);
    // It begins anew, by a snapshot, and ends whole.
    stage.resume('c');
    stage.pass(1000);
    expect(stage.replica('c').log.start.seq).toBeGreaterThanOrEqual(15);
    expect(stage.replica('a').insync).toBe(stage.incarnation('c'));
    stage.order(2, ['a', 'c']);
    stage.pass(100);
    stage.grant('a', 'c');
    for (let i = 0; i < 20; i++) expect(stage.read('c', `k${i}`)).toBe('x'.repeat(1000));
  });

  test('one that has not even answered holds it no longer either', () => {
    const stage = lagging();
    stage.hold('c>a');
    stage.link('a', 'c', false);
    stage.link('a', 'c', true);
    stage.pass(100);
    expect(stage.replica('a').down?.state).toBe('offered');
    stage.trim('a', 15);
    expect(stage.replica('a').log.start.seq).toBe(0);
    stage.trimOverdue('a', 15);
    expect(stage.replica('a').log.start.seq).toBe(15);
  });

  test('a member that comes back is waited for, because nothing commits meanwhile', () => {
    const stage = new Stage(['h', 't']);
    stage.order(1, ['h', 't']);
    stage.run();
    stage.ask('h', put('1'));
    stage.run();
    const old = stage.snapshot('t');
    for (const v of ['2', '3']) stage.ask('h', put(v));
    stage.pass(200);
    stage.crash('t');
    stage.restore('t', old);
    stage.start('t');
    stage.stallLogReads('h');
    stage.order(2, ['h', 't']);
    stage.run();
    stage.trimOverdue('h', 3);
    expect(stage.replica('h').log.start.seq).toBe(1);
  });
});

describe('R28, R29: returners and joiners', () => {
  test('R28: a join outlives a version that keeps its source, without beginning anew', () => {
    const stage = new Stage(['h', 't', 'j']);
    stage.order(1, ['h', 't']);
    stage.run();
    stage.ask('h', put('1'));
    stage.run();
    stage.trim('t', 1);
    stage.run();
    stage.order(1, ['h', 't'], { joiner: 'j' });
    stage.pass(200);
    expect(stage.replica('j')).toMatchObject({ complete: true, copy: null });
    const start = stage.replica('j').log.start;
    expect(start.seq).toBe(1);
    stage.ask('h', put('2'));
    stage.run();
    stage.crash('h');
    stage.order(2, ['t'], { joiner: 'j', to: ['t', 'j'] });
    stage.pass(200);
    expect(stage.replica('j').log.start).toEqual(start);
    expect(stage.replica('j').log.end).toEqual(position(1, 2));
    expect(stage.replica('t').insync).toBe(stage.incarnation('j'));
  });

  test('R29: a returner with a committed suffix that the chain abandoned gets a snapshot into an emptied range', () => {
    const stage = new Stage(['a', 'b']);
    stage.order(1, ['a']);
    stage.run();
    const beside = put('only here');
    stage.ask('a', beside);
    stage.run();
    expect(stage.replica('a').commit).toBe(1);
    // An operator let the chain go on with b, which never had it.
    stage.order(2, ['b']);
    stage.run();
    stage.ask('b', put('goes on'));
    stage.run();
    stage.order(2, ['b'], { joiner: 'a' });
    stage.pass(300);
    expect(stage.replica('a').lost).toBe('');
    stage.order(3, ['b', 'a']);
    stage.pass(100);
    stage.grant('a', 'b');
    expect(stage.read('a')).toBe('goes on');
    expect(stage.replica('a').commit).toBe(stage.replica('b').commit);
  });

  test('R29: between members the same is fatal, and loud', () => {
    const stage = new Stage(['a', 'b']);
    stage.order(1, ['b']);
    stage.run();
    stage.ask('b', put('committed'));
    stage.run();
    stage.order(2, ['a', 'b']);
    stage.run();
    expect(reportOf(stage.replica('a')).state).toBe('lost');
    expect(stage.replica('b').log.end).toEqual(position(1, 1));
    expect(stage.replica('a').log.end).toEqual(origin);
  });
});

/** The log on disk has no gaps, and its versions do not decrease. */
function isOneLog(stage: Stage, name: string): boolean {
  const log = stage.actor(name).disk.slot(stage.replica(name).slot).log;
  return log.every((e, i) => {
    const before = log[i - 1];
    return before === undefined || (e.seq === before.seq + 1 && e.version >= before.version);
  });
}
