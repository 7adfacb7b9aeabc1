/** Stories of records that do not verify any more (section 10): answered, repaired, and in nobody's way. */
import { describe, expect, test } from 'vitest';
import type { PeerMessage } from '../../protocol/messages.ts';
import { key, slot } from '../../protocol/words.ts';
import { get, put, Stage } from './stage.ts';

/** A chain on which `k` was written, applied and let go of, so that it is read from the store. */
function written(...names: string[]): Stage {
  const stage = new Stage([...names, 'j']);
  stage.order(1, names, { to: names });
  stage.pass(300);
  stage.grant(...names);
  stage.ask(names[0] as string, put('1'));
  stage.run();
  stage.pass(300);
  for (const name of names) stage.trim(name, 1);
  for (const name of names) expect(stage.replica(name).log.newest.size).toBe(0);
  return stage;
}

const diskOf = (stage: Stage, name: string, of = 'k'): string | null | 'corrupt' => {
  const found = stage.actor(name).disk.fetch(slot(0), key(of));
  return found === null || found === 'corrupt'
    ? found
    : new TextDecoder().decode(found.subarray(72 + of.length));
};

const question = (stage: Stage, wire: string): PeerMessage =>
  stage.waiting(wire).find((m) => m.kind === 'recordRequest') as PeerMessage;

const codeOf = (stage: Stage, tag: number): string | undefined => {
  const reply = stage.reply(tag);
  return reply?.kind === 'failed' ? reply.code : reply?.kind;
};

describe('10.1: a damaged record is answered from another member and repaired', () => {
  test.each(['a', 'b', 'c'])('at %s', (name) => {
    const stage = written('a', 'b', 'c');
    stage.rot(name);
    expect(stage.read(name)).toBe('1');
    stage.pass(200);
    expect(diskOf(stage, name)).toBe('1');
    expect(stage.replica(name).damage.repairs.size).toBe(0);
    expect(stage.replica(name).pins.size).toBe(0);
  });

  test('although the next member that is asked has a damaged one too; both are repaired', () => {
    const stage = written('a', 'b', 'c');
    stage.rot('a');
    stage.rot('b');
    expect(stage.read('a')).toBe('1');
    stage.pass(200);
    expect([diskOf(stage, 'a'), diskOf(stage, 'b')]).toEqual(['1', '1']);
  });

  test('although the next member cannot be reached', () => {
    const stage = written('a', 'b', 'c');
    stage.rot('a');
    stage.link('a', 'b', false);
    expect(stage.read('a')).toBe('1');
  });

  test('although the next member never answers', () => {
    const stage = written('a', 'b', 'c');
    stage.rot('a');
    stage.hold('a>b');
    const tag = stage.ask('a', get('k'));
    stage.pass(500);
    expect(codeOf(stage, tag)).toBe('read');
  });

  test('a read whose time is over while nobody answers is told so', () => {
    const stage = written('a', 'b', 'c');
    stage.rot('a');
    stage.hold('a>b', 'a>c');
    const tag = stage.ask('a', get('k', { deadlineMs: 400 }));
    stage.pass(1000);
    const reply = stage.reply(tag);
    expect(reply).toMatchObject({ kind: 'failed', code: 'CORRUPT', outcome: 'definite' });
    expect(JSON.stringify(reply)).toContain('in slot 0 at a does not fit its checksum');
  });

  test('a strong read proves its place in the chain anew when the record is there', () => {
    const stage = written('a', 'b', 'c');
    stage.rot('c');
    stage.hold('b>c');
    const tag = stage.ask('c', get('k'));
    stage.run();
    stage.expire('c');
    stage.hold('c>a');
    stage.release('b>c');
    stage.run();
    expect(stage.reply(tag)).toBe(undefined);
    stage.release('c>a');
    stage.pass(500);
    expect(codeOf(stage, tag)).toBe('read');
  });
});

describe('10.2: a write over a damaged record', () => {
  test('finds what it builds on at another member', () => {
    const stage = written('a', 'b', 'c');
    stage.rot('a');
    const tag = stage.ask('a', put('2'));
    stage.run();
    expect(stage.reply(tag)).toMatchObject({ kind: 'written', objectVersion: 2 });
    expect(stage.read('a')).toBe('2');
    stage.pass(300);
    expect(diskOf(stage, 'a')).toBe('2');
  });

  test('a condition too', () => {
    const stage = written('a', 'b', 'c');
    stage.rot('a');
    const exists = { field: 'version', operator: 'eq', value: 1 } as const;
    const tag = stage.ask('a', put('2', { conditions: [exists] }));
    stage.run();
    expect(codeOf(stage, tag)).toBe('written');
  });

  test('that no member has any more goes through at once without a condition, and is refused with one', () => {
    const stage = written('a', 'b');
    stage.rot('a');
    stage.rot('b');
    const conditional = stage.ask(
      'a',
      put('2', { conditions: [{ field: 'exists', operator: 'eq', value: 1 }] }),
    );
    const add = stage.ask('a', put('', { op: 'add', delta: 1n }));
    stage.run();
    for (const tag of [conditional, add]) {
      expect(stage.reply(tag)).toMatchObject({ kind: 'failed', code: 'CORRUPT', outcome: 'definite' });
      expect(JSON.stringify(stage.reply(tag))).toContain('put or delete the key without a condition first');
    }
    expect(stage.read('b')).toBe('CORRUPT');
    const tag = stage.ask('a', put('2'));
    stage.run();
    expect(codeOf(stage, tag)).toBe('written');
    expect([stage.read('a'), stage.read('b')]).toEqual(['2', '2']);
    stage.pass(1500);
    expect([diskOf(stage, 'a'), diskOf(stage, 'b')]).toEqual(['2', '2']);
  });

  test('a delete as well, by a chain of one', () => {
    const stage = written('a');
    stage.rot('a');
    const tag = stage.ask('a', put('', { op: 'delete' }));
    stage.run();
    expect(codeOf(stage, tag)).toBe('written');
    expect(stage.read('a')).toBe(null);
    stage.pass(1500);
    expect(diskOf(stage, 'a')).toBe(null);
  });
});

describe('10.3: a repair never overwrites what is newer', () => {
  test('what was committed while the answer was on its way stays', () => {
    const stage = written('a', 'b', 'c');
    stage.rot('b');
    stage.hold('c>b');
    stage.ask('b', get('k'));
    stage.run();
    // The answer with the old value waits; meanwhile the key is written, committed and applied.
    const old = stage.waiting('c>b').find((m) => m.kind === 'recordAnswer');
    expect(old).toMatchObject({ state: 'value' });
    stage.release('c>b');
    stage.hold('b>a');
    const late = stage.waiting('c>b').splice(0);
    expect(late.length).toBeGreaterThan(0);
    stage.ask('a', put('2'));
    stage.pass(400);
    stage.inject('c', 'b', old as PeerMessage);
    stage.pass(400);
    expect(diskOf(stage, 'b')).toBe('2');
    expect(stage.read('b')).toBe('2');
  });

  test('a copy that is behind is not believed', () => {
    const stage = written('a', 'b', 'c');
    // c commits alone; a and b do not hear of it.
    stage.hold('c>b', 'c>a', 'b>a');
    stage.ask('a', put('2'));
    stage.pass(200);
    expect([stage.replica('a').commit, stage.replica('c').commit]).toEqual([1, 2]);
    stage.trim('c', 2);
    stage.rot('c');
    const tag = stage.ask('c', get('k'));
    stage.run();
    stage.inject('c', 'b', question(stage, 'c>b'));
    stage.run();
    expect(stage.reply(tag)).toBe(undefined);
    stage.release('c>b', 'c>a', 'b>a');
    stage.pass(500);
    expect(codeOf(stage, tag)).toBe('read');
    expect(stage.read('c')).toBe('2');
    expect(diskOf(stage, 'c')).toBe('2');
  });

  test('absent at a member that has committed the delete: what is not committed here yet is waited for', () => {
    const stage = written('a', 'b');
    stage.hold('b>a');
    stage.ask('a', put('', { op: 'delete' }));
    stage.run();
    expect([stage.replica('a').commit, stage.replica('b').commit]).toEqual([1, 2]);
    stage.rot('a');
    const tag = stage.ask('a', get('k', { level: 'eventual' }));
    stage.run();
    const answer = stage.waiting('b>a').find((m) => m.kind === 'recordAnswer');
    expect(answer).toMatchObject({ state: 'absent', at: { seq: 2 } });
    stage.inject('b', 'a', answer as PeerMessage);
    expect(stage.reply(tag)).toBe(undefined);
    stage.release('b>a');
    stage.pass(500);
    expect(codeOf(stage, tag)).toBe('read');
    expect(diskOf(stage, 'a')).toBe(null);
  });
});

describe('10.4: a join from a member with damaged records', () => {
  test('the records are repaired first', () => {
    const stage = written('a', 'b');
    stage.rot('b');
    stage.order(2, ['a', 'b'], { joiner: 'j' });
    stage.pass(500);
    expect(stage.replica('b').insync).toBe(stage.incarnation('j'));
    expect([diskOf(stage, 'b'), diskOf(stage, 'j')]).toEqual(['1', '1']);
  });

  test('one among many does not stop the others', () => {
    const stage = new Stage(['a', 'b', 'j']);
    stage.order(1, ['a', 'b'], { to: ['a', 'b'] });
    stage.pass(300);
    stage.grant('a', 'b');
    const names = Array.from({ length: 60 }, (_, i) => `key-${10 + i}`);
    for (const name of names) stage.ask('a', put(name, { key: key(name) }));
    stage.pass(300);
    for (const name of ['a', 'b']) stage.trim(name, names.length);
    for (const name of names.filter((_, i) => i % 2 === 0)) stage.rot('b', name);
    stage.order(2, ['a', 'b'], { joiner: 'j' });
    stage.pass(3000);
    expect(names.map((name) => diskOf(stage, 'j', name))).toEqual(names);
    expect(names.map((name) => diskOf(stage, 'b', name))).toEqual(names);
  });

  test('what no member has any more comes over as damaged: neither stopped nor taken for absent', () => {
    const stage = written('a', 'b');
    stage.rot('a');
    stage.rot('b');
    stage.order(2, ['a', 'b'], { joiner: 'j' });
    stage.pass(1000);
    expect(stage.replica('b').insync).toBe(stage.incarnation('j'));
    expect(diskOf(stage, 'j')).toBe('corrupt');
    stage.order(3, ['j']);
    stage.pass(300);
    stage.grant('j');
    expect(stage.read('j')).toBe('CORRUPT');
    const tag = stage.ask('j', put('3'));
    stage.run();
    expect(codeOf(stage, tag)).toBe('written');
    expect(stage.read('j')).toBe('3');
  });
});

describe('10.1: a page of values with damaged records', () => {
  /** Ten keys, whose records are read from the store. */
  function filled(...names: string[]): Stage {
    const stage = new Stage(names);
    stage.order(1, names, { to: names });
    stage.pass(300);
    stage.grant(...names);
    for (const k of ten) stage.ask(names[0] as string, put(`of ${k}`, { key: key(k) }));
    stage.pass(300);
    for (const name of names) stage.trim(name, ten.length);
    return stage;
  }
  const ten = Array.from({ length: 10 }, (_, i) => `k${i}`);
  const whole = ten.map((k) => `${k} of ${k}`);

  /** All pages, one after the other. */
  function pages(stage: Stage, name: string): { values: string[]; damaged: string[] } {
    const values: string[] = [];
    const damaged: string[] = [];
    let after: ReturnType<typeof key> | null = null;
    do {
      const tag = stage.askPage(name, after);
      stage.pass(300);
      const page = stage.given(tag);
      if (page?.kind !== 'page') throw new Error(`it ends with ${page?.code}`);
      values.push(...(stage.page(tag) as string[]));
      damaged.push(...page.damaged);
      after = page.next;
    } while (after !== null);
    return { values, damaged };
  }

  test.each([['k0'], ['k5'], ['k0', 'k1', 'k4', 'k9'], ten])(
    'is whole: the records are repaired first',
    (...rotten) => {
      const stage = filled('a', 'b');
      for (const k of rotten) stage.rot('b', k);
      expect(pages(stage, 'b')).toEqual({ values: whole, damaged: [] });
      expect(rotten.map((k) => diskOf(stage, 'b', k))).toEqual(rotten.map((k) => `of ${k}`));
    },
  );

  test('names what no member has, and goes on', () => {
    const stage = filled('a', 'b');
    for (const name of ['a', 'b']) for (const k of ['k0', 'k5']) stage.rot(name, k);
    const rest = whole.filter((line) => !line.startsWith('k0') && !line.startsWith('k5'));
    expect(pages(stage, 'b')).toEqual({ values: rest, damaged: ['k0', 'k5'] });
  });

  test('waits for a member that does not answer, until its time is over', () => {
    const stage = filled('a', 'b');
    stage.rot('b', 'k0');
    stage.hold('a>b');
    const tag = stage.askPage('b');
    stage.pass(12_000);
    expect(stage.page(tag)).toBe('NOT_READY');
    expect(stage.actor('b').core.view().lists).toBe(0);
  });
});
