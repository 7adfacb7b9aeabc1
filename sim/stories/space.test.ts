/** Stories of disks that are short of room (rule 2.12). */
import { describe, expect, test } from 'vitest';
import { inspect } from '../../protocol/coordinator/inspect.ts';
import { nodeName } from '../../protocol/words.ts';
import { Desk, stateOf } from './desk.ts';
import { get, put, Stage } from './stage.ts';

function chainOf(...names: string[]): Stage {
  const stage = new Stage(names);
  stage.order(1, names);
  stage.run();
  stage.grant(...names);
  return stage;
}

/** Codes of what comes of a put and a delete at the head. */
function tries(stage: Stage, head = 'a'): string[] {
  return [put('more'), put('', { op: 'delete' })].map((request) => {
    const tag = stage.ask(head, request);
    stage.run();
    const reply = stage.reply(tag);
    return reply?.kind === 'failed' ? reply.code : (reply?.kind ?? 'no answer');
  });
}

const both = ['written', 'written'];
const deletesOnly = ['DISK_FULL', 'written'];
const nothing = ['DISK_FULL', 'DISK_FULL'];

describe('2.12: room on disk', () => {
  test.each(['a', 'b', 'c'])('a low disk of any member, here %s, stops growth at the head', (short) => {
    const stage = chainOf('a', 'b', 'c');
    expect(tries(stage)).toEqual(both);
    stage.space(short, 'low');
    expect(tries(stage)).toEqual(deletesOnly);
    stage.space(short, 'full');
    expect(tries(stage)).toEqual(nothing);
    const tag = stage.ask('a', put('again'));
    expect(stage.reply(tag)).toMatchObject({
      outcome: 'definite',
      message: expect.stringMatching(new RegExp(`the disk of ${short} is full.*larger volume`)),
    });
    // What was told is repeated, so it is known for longer than a message is worth.
    stage.pass(20_000);
    expect(tries(stage)).toEqual(nothing);
  });

  test('a retry of a write that was done hears that it was done, and one that may be on its way is not denied', () => {
    const stage = chainOf('a', 'b');
    const first = put('1');
    stage.ask('a', first);
    stage.run();
    stage.space('b', 'low');
    const again = stage.ask('a', { ...first, retry: true });
    stage.run();
    expect(stage.reply(again)).toMatchObject({ kind: 'written' });
    const unsure = stage.ask('a', put('2', { retry: true }));
    stage.run();
    expect(stage.reply(unsure)).toMatchObject({ code: 'DISK_FULL', outcome: 'indefinite' });
  });

  test('what was ordered before goes down the chain, and reads go on', () => {
    const stage = chainOf('a', 'b');
    stage.hold('a>b');
    const ordered = stage.ask('a', put('1'));
    stage.run();
    stage.space('b', 'full');
    stage.release('a>b');
    stage.run();
    expect(stage.reply(ordered)).toMatchObject({ kind: 'written' });
    expect(stage.read('b')).toBe('1');
  });

  test('a store that failed for want of room says so, also where its chain cannot change any more', () => {
    const stage = chainOf('a', 'b');
    stage.failStore('a', true);
    expect(tries(stage)).toEqual(nothing);
    stage.order(2, ['a']);
    stage.run();
    const answers = [put('1'), put('2', { retry: true }), get('k')].map((request) => {
      const tag = stage.ask('a', request);
      stage.run();
      return stage.reply(tag);
    });
    const message = expect.stringMatching(/the disk of a is full.*starts anew by itself when there is room/);
    expect(answers).toMatchObject([
      { code: 'DISK_FULL', outcome: 'definite', message },
      { code: 'DISK_FULL', outcome: 'indefinite', message },
      { code: 'STORE_FAILED', message },
    ]);
  });

  test('a store that failed otherwise is not called full', () => {
    const stage = chainOf('a', 'b');
    stage.failStore('a', false);
    expect(tries(stage)).toEqual(['STORE_FAILED', 'STORE_FAILED']);
  });

  test('a head that lost the message hears it again: every second, and on a new link', () => {
    const stage = chainOf('a', 'b');
    stage.hold('b>a');
    stage.space('b', 'low');
    stage.link('a', 'b', false);
    stage.release('b>a');
    stage.link('a', 'b', true);
    stage.run();
    expect(tries(stage)).toEqual(deletesOnly);
    // A head that was started anew knows nothing until then.
    stage.crash('a');
    stage.start('a');
    stage.order(2, ['a', 'b']);
    stage.pass(1200);
    stage.grant('a', 'b');
    expect(tries(stage)).toEqual(deletesOnly);
  });

  test('room that comes back counts when it stayed, and the head hears so at once', () => {
    const stage = chainOf('a', 'b');
    stage.space('b', 'low');
    for (const level of ['ok', 'low', 'ok'] as const) {
      stage.space('b', level);
      stage.pass(6000);
    }
    expect(tries(stage)).toEqual(deletesOnly);
    stage.pass(5000);
    stage.space('b', 'ok');
    stage.run();
    expect(tries(stage)).toEqual(both);
  });

  test('who says nothing any more is forgotten', () => {
    const stage = chainOf('a', 'b');
    stage.space('b', 'low');
    stage.run();
    stage.hold('b>a');
    stage.pass(7000);
    stage.release('b>a');
    expect(stage.tightPeers('a')).toBe(0);
  });

  test('a disk that was full asks to be out until there is plenty, not only until it is less than full', () => {
    const stage = chainOf('a', 'b');
    stage.space('b', 'full');
    for (let i = 0; i < 3; i++) {
      stage.space('b', 'low');
      stage.pass(6000);
    }
    expect(stage.told('b').space).toBe('full');
    // Deletes go on where it is the last one, or not let go yet.
    expect(tries(stage)).toEqual(deletesOnly);
    for (let i = 0; i < 3; i++) {
      stage.space('b', 'ok');
      stage.pass(6000);
    }
    expect(stage.told('b').space).toBe('ok');
  });
});

describe('2.12 at the coordinator', () => {
  function leaderOf(nodes: string, replicationFactor: number): Desk {
    const desk = new Desk(stateOf(nodes, {}));
    desk.add('l', { replicationFactor, nodes: nodes.length });
    desk.lead('l');
    desk.advance(2000, ['l'], () => {
      for (const n of nodes) desk.beat('l', n);
    });
    return desk;
  }
  const names = (desk: Desk): string[] => desk.chain.members.map((m) => m.node);

  test('a member with a full disk leaves the chain, and comes back by itself when there is room', () => {
    const desk = leaderOf('abx', 3);
    desk.beat('l', 'x', { space: 'full' });
    expect(names(desk)).toEqual(['a', 'b']);
    expect(desk.chain.reason).toBe('the disk of x is full');
    // Nobody else could take its place: its part of the chain is kept for it.
    const version = desk.chain.version;
    desk.advance(15_000, ['l'], () => {
      for (const n of 'ab') desk.beat('l', n, { version });
      desk.beat('l', 'x', { version, state: 'stale', space: 'full' });
    });
    expect(desk.chain.joiner).toBeNull();
    desk.advance(500, ['l'], () => {
      for (const n of 'ab') desk.beat('l', n, { version });
      desk.beat('l', 'x', { version, state: 'stale' });
    });
    expect(desk.chain.joiner?.node).toBe('x');
  });

  test('the last one that serves stays, whatever its disk says (4.8)', () => {
    const desk = leaderOf('ax', 2);
    desk.beat('l', 'x', { space: 'full' });
    desk.beat('l', 'a', { space: 'full' });
    desk.advance(2000, ['l'], () => {
      desk.beat('l', 'a', { space: 'full', version: desk.chain.version });
      desk.beat('l', 'x', { space: 'full', version: desk.chain.version, state: 'stale' });
    });
    expect(names(desk)).toEqual(['a']);
  });

  test('a joiner whose disk is full joins no more', () => {
    const desk = new Desk(
      stateOf('abx', {
        members: stateOf('ab', {}).chains[0]!.members,
        joiner: stateOf('x', {}).chains[0]!.members[0]!,
      }),
    );
    desk.add('l', { replicationFactor: 3, nodes: 3 });
    desk.lead('l');
    const beats = (space: 'ok' | 'full') => (): void => {
      for (const n of 'ab') desk.beat('l', n);
      desk.beat('l', 'x', { state: 'copying', space });
    };
    desk.advance(2000, ['l'], beats('ok'));
    expect(desk.chain.joiner?.node).toBe('x');
    desk.advance(300, ['l'], beats('full'));
    expect(desk.chain.joiner).toBeNull();
    expect(desk.chain.reason).toContain('its disk is full');
  });

  test('the view says whose disk is short of room', () => {
    const desk = leaderOf('ax', 2);
    desk.beat('l', 'x', { space: 'low' });
    expect(inspect(desk.core('l')).heard.get(nodeName('x'))?.space).toBe('low');
    expect(names(desk)).toEqual(['a', 'x']);
  });
});
