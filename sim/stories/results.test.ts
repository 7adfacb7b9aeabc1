/** Stories of the results of writes: how they are saved, copied and forgotten (2.9, R45). */
import { describe, expect, test } from 'vitest';
import { limits } from '../../protocol/limits.ts';
import type { PersistItem } from '../../protocol/persist.ts';
import type { WriteRequest } from '../../protocol/requests.ts';
import { clientId, requestNumber } from '../../protocol/words.ts';
import { put, Stage } from './stage.ts';

/** One counter, added to once by each of many clients: a second execution shows. */
const addOf = (client: number): WriteRequest => ({
  ...put(''),
  op: 'add',
  delta: 1n,
  client: clientId(client),
  number: requestNumber(1),
  floor: requestNumber(1),
});

const small = { ...limits, copyBytes: 500 };

function chainOf(names: readonly string[], clients: number, all = names): Stage {
  const stage = new Stage(all, {}, {}, small);
  stage.order(1, names, { to: names });
  stage.run();
  stage.grant(...names);
  for (let i = 1; i <= clients; i++) stage.ask(names[0] as string, addOf(i * 1000));
  stage.pass(200);
  return stage;
}

function repeatAll(stage: Stage, head: string, clients: number): void {
  for (let i = 1; i <= clients; i++) {
    const tag = stage.ask(head, { ...addOf(i * 1000), retry: true });
    stage.pass(10);
    expect(stage.reply(tag)).toMatchObject({ kind: 'written' });
  }
}

const bytesOf = (item: Extract<PersistItem, { kind: 'sessions' }>): number =>
  item.put.reduce((sum, s) => sum + s.bytes.length, 0);

describe('R45: the table of results is saved and copied in pieces', () => {
  test('a trim waits until the sessions that changed are saved, a slice with each batch', () => {
    const stage = chainOf(['h', 't'], 60);
    stage.stall('h');
    const slices: number[] = [];
    stage.trimNow('h', 60);
    for (let i = 0; i < 100; i++) {
      stage.pass(10);
      const items = stage.actor('h').batch?.items ?? [];
      const slice = items.find((item) => item.kind === 'sessions');
      if (slice !== undefined) slices.push(bytesOf(slice));
      if (items.some((item) => item.kind === 'trim')) break;
      if (stage.actor('h').batch !== null) stage.persist('h');
    }
    stage.resume('h');
    stage.pass(100);
    expect(slices.length).toBeGreaterThan(5);
    expect(Math.max(...slices)).toBeLessThan(700);
    expect(stage.replica('h').log.start.seq).toBe(60);
    // A second trim saves only what changed since.
    stage.ask('h', addOf(61_000));
    stage.pass(100);
    expect([...stage.replica('h').dedupe.unsaved]).toEqual([61_000]);
  });

  test('a process that restarts in the midst of saving executes no retry again', () => {
    const stage = chainOf(['h'], 60);
    stage.stall('h');
    stage.trimNow('h', 50);
    for (let i = 0; i < 4; i++) {
      stage.pass(60);
      if (stage.actor('h').batch !== null) stage.persist('h');
    }
    expect(stage.actor('h').disk.slot(0 as never).sessions.size).toBeGreaterThan(0);
    stage.crash('h');
    stage.start('h');
    stage.order(2, ['h']);
    stage.pass(100);
    stage.grant('h');
    expect(stage.replica('h').dedupe.sessions.size).toBe(60);
    repeatAll(stage, 'h', 60);
    expect(stage.read('h')).toBe('60');
  });

  test('a copy brings them page by page, each of its own moment, while clients write', () => {
    const stage = chainOf(['a', 'b'], 60, ['a', 'b', 'c']);
    stage.trim('a', 60);
    stage.trim('b', 60);
    stage.pass(2000);
    stage.hold('b>c');
    stage.order(2, ['a', 'b'], { joiner: 'c' });
    let pages = 0;
    for (let i = 0; i < 300 && (pages === 0 || stage.replica('c').copy !== null); i++) {
      // Clients with pages before and after the present one write meanwhile.
      if (i % 3 === 0) stage.ask('a', addOf(500 + i * 200));
      stage.pass(10);
      for (const m of stage.takeWaiting('b>c')) {
        if (m.kind === 'sessionsChunk') {
          pages++;
          expect(m.sessions.reduce((sum, b) => sum + b.length, 0)).toBeLessThan(700);
        }
        stage.inject('b', 'c', m);
        stage.run();
      }
    }
    expect(pages).toBeGreaterThan(5);
    stage.release('b>c');
    stage.pass(500);
    expect(stage.replica('b').insync).toBe(stage.incarnation('c'));
    stage.order(3, ['a', 'b', 'c']);
    stage.pass(200);
    const told = (name: string): unknown =>
      [...stage.replica(name).dedupe.sessions].map(([client, s]) => [
        client,
        s.last,
        s.floor,
        [...s.results],
      ]);
    expect(told('c')).toEqual(told('b'));
    // And its disk has them too: c alone, started anew.
    stage.crash('a');
    stage.crash('b');
    stage.crash('c');
    stage.start('c');
    const sum = stage.replica('c').dedupe.sessions.size;
    stage.order(4, ['c'], { to: ['c'] });
    stage.pass(100);
    stage.grant('c');
    repeatAll(stage, 'c', 60);
    expect(stage.read('c')).toBe(`${sum}`);
  });
});

describe('R18: what there is no room for is forgotten, and nothing of it is executed again', () => {
  test('a retry of a result that was forgotten is SESSION_EXPIRED, an own first attempt learns the time', () => {
    const few = { ...limits, dedupeResults: 3 };
    const stage = new Stage(['h', 't'], {}, {}, few);
    stage.order(1, ['h', 't']);
    stage.run();
    stage.grant('h', 't');
    for (let i = 1; i <= 10; i++) {
      const { time } = stage.replica('h').dedupe;
      stage.ask('h', { ...addOf(i), slotTime: Math.max(1, time) });
      stage.pass(60);
    }
    expect(stage.replica('t').dedupe.sessions.size).toBe(3);
    const old = stage.ask('h', { ...addOf(1), retry: true });
    const fresh = stage.ask('h', addOf(77));
    stage.pass(10);
    expect(stage.reply(old)).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'indefinite' });
    const told = stage.reply(fresh);
    expect(told).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'definite' });
    const slotTime = told?.kind === 'failed' ? told.slotTime : 0;
    const again = stage.ask('h', { ...addOf(77), slotTime });
    stage.pass(60);
    expect(stage.reply(again)).toMatchObject({ kind: 'written' });
    expect(stage.read('t')).toBe('11');
  });
});
