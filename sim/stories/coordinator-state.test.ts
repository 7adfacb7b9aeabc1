/** Stories of a coordinator's state that is lost, set back, edited or another's, and of its lease (R30, R43, R44, R46). */
import { describe, expect, test } from 'vitest';
import type { ClusterState } from '../../protocol/coordinator/state.ts';
import { readLease, readState, writeState } from '../../protocol/coordinator/stored.ts';
import type { Register } from '../../protocol/messages.ts';
import { defaultTimings, hearingMs } from '../../protocol/timings.ts';
import {
  chainVersion,
  epoch,
  type Incarnation,
  incarnation,
  nodeName,
  noIncarnation,
  origin,
  reign,
  revision,
  slot,
  storeId,
} from '../../protocol/words.ts';
import { Desk, firstReign, member, stateOf, who } from './desk.ts';

const hearing = hearingMs(defaultTimings);
const assignment = (version: number, names: string) => ({
  slot: slot(0),
  version: chainVersion(version),
  members: [...names].map((n) => ({ node: nodeName(n), incarnation: who(n), address: `${n}:1` })),
  joiner: null,
  drop: false,
});
const view = (desk: Desk) => desk.core('l').view({ mono: desk.mono, wall: desk.mono });
const stored = (desk: Desk): string => desk.text('state') ?? '';

/** A leader of [a, b, c] that heard all of them; its state is at revision 2. */
function leaderOf(nodes = 'abc'): Desk {
  const desk = new Desk(stateOf(nodes, {}));
  desk.add('l');
  desk.lead('l');
  desk.advance(1500, ['l'], () => {
    for (const n of nodes) desk.beat('l', n);
  });
  for (const n of nodes) desk.takeSent('l', n, 'grant');
  return desk;
}

describe('R43: a state is believed only beside what nodes report', () => {
  test('a deleted one: the first heartbeat makes an orphan, blank nodes found nothing, recover works', () => {
    const desk = new Desk(null);
    desk.add('l');
    desk.lead('l');
    for (const n of 'xyz')
      desk.register('l', n, { clusterId: '', epoch: epoch(0), reign: reign(0), previous: noIncarnation });
    desk.advance(1000, ['l']);
    desk.beat('l', 'a');
    desk.advance(30_000, ['l'], () => desk.beat('l', 'a'));
    expect(desk.text('state')).toBe(undefined);
    expect(desk.takeSent('l', 'a', 'refused').at(-1)).toMatchObject({ code: 'RECOVER' });
    expect(desk.takeSent('l', 'a', 'grant')).toEqual([]);
    for (const n of 'abc') {
      desk.register('l', n, { epoch: epoch(7) });
      desk.holdings('l', n, [assignment(5, 'abc')]);
    }
    expect(view(desk).trouble).toMatchObject({ reason: 'StateLost', clusterId: 'desk' });
    expect(view(desk).trouble?.message).toContain('chainctl recover --cluster-id desk');
    expect(view(desk).trouble?.message).toContain('put the newest state back (the state)');
    expect(
      desk.command('l', { kind: 'recover', clusterId: 'desk', giveUp: [], giveUpSlots: [] }),
    ).toMatchObject({ ok: true });
    expect(desk.saved).toMatchObject({ clusterId: 'desk', epoch: 8 });
    // Far above 5: a version that was routed and installed by nobody must not stay the newest route.
    expect(desk.chain).toMatchObject({ version: 1005, handedOut: false });
    expect(view(desk).trouble).toBe(null);
  });

  test.each([
    ['a higher epoch', { epoch: epoch(9), reign: reign(9), revision: revision(1) }],
    ['the same epoch of another leader', { epoch: epoch(1), reign: reign(99), revision: revision(1) }],
    [
      'a later revision of an epoch that it knows',
      { epoch: epoch(1), reign: firstReign, revision: revision(40) },
    ],
  ])('one that was set back: a node that holds %s makes an orphan', (_, holds) => {
    const desk = leaderOf();
    desk.beat('l', 'b', { holds });
    desk.advance(500, ['l'], () => desk.beat('l', 'a'));
    expect(view(desk).trouble?.reason).toBe('StateLost');
    expect(desk.takeSent('l', 'a', 'grant')).toEqual([]);
  });

  test.each([
    ['a chain version', { version: 2 }],
    ['an order that it refused', { refused: 1 }],
    ['an incarnation that nobody issued', { as: (2 ** 21 * 2 + 77) as Incarnation }],
  ])('so does one that reports %s above the saved ones', (_, says) => {
    const desk = leaderOf();
    desk.beat('l', 'b', says);
    expect(view(desk).trouble?.reason).toBe('StateLost');
  });

  test('no number of elections makes a state that was set back the newest', () => {
    const desk = new Desk(stateOf('abc', {}));
    // What b holds was saved under epoch 2 by a leader that this state never had.
    const holds = { epoch: epoch(2), reign: reign(77), revision: revision(30) };
    for (let i = 0; i < 6; i++) {
      desk.add(`l${i}`);
      desk.lead(`l${i}`);
      desk.beat(`l${i}`, 'b', { holds });
      expect(desk.leading(`l${i}`)).toBe(false);
      // It dies; the next one finds an epoch that is higher by one.
    }
    expect(desk.saved.epoch).toBe(7);
    expect(desk.core('l5').view({ mono: desk.mono, wall: desk.mono }).trouble?.reason).toBe('StateLost');
  });

  test('a stale leader does not take the newer state of its successor for a loss: it steps down', () => {
    const desk = leaderOf();
    const found = readState(stored(desk));
    if (!found.ok) throw new Error(found.why);
    const { value } = found;
    const successor = { epoch: epoch(value.epoch + 1), id: reign(5), from: revision(value.revision + 1) };
    const newer = {
      ...value,
      epoch: successor.epoch,
      revision: successor.from,
      reigns: [...value.reigns, successor],
    };
    desk.put('state', writeState(newer));
    desk.beat('l', 'b', { holds: { epoch: successor.epoch, reign: reign(5), revision: successor.from } });
    expect(view(desk).trouble).toBe(null);
    expect(desk.leading('l')).toBe(false);
  });

  test.each([
    ['removed', () => undefined],
    ['replaced by an older one', (before: string) => before],
  ])('a state object that is %s under a living leader is written again, with all that it knows', (_, put) => {
    const desk = leaderOf();
    const before = stored(desk);
    desk.beat('l', 'c', { leaving: true });
    expect(desk.chain.members).toHaveLength(2);
    desk.put('state', put(before));
    desk.advance(8000, ['l'], () => {
      for (const n of 'ab') desk.beat('l', n);
    });
    expect(desk.leading('l')).toBe(true);
    expect(desk.saved.clusterId).toBe('desk');
    expect(desk.chain.version).toBeGreaterThan(1);
    expect(desk.chain.members).toHaveLength(2);
  });

  test('the same when its next save finds it so', () => {
    const desk = leaderOf();
    desk.put('state', undefined);
    desk.beat('l', 'c', { leaving: true });
    expect(desk.leading('l')).toBe(true);
    expect(desk.chain.members).toHaveLength(2);
  });

  test('recover goes by the highest version that anybody installed, and asks for its members', () => {
    const desk = leaderOf();
    desk.beat('l', 'b', { version: 4 });
    for (const n of 'ac') {
      desk.register('l', n, {});
      desk.holdings('l', n, [assignment(1, 'abc')]);
    }
    desk.register('l', 'b', {});
    desk.holdings('l', 'b', [assignment(4, 'bd')]);
    const refused = desk.command('l', { kind: 'recover', clusterId: 'desk', giveUp: [], giveUpSlots: [] });
    expect(refused?.message).toContain('d, member of slot 0 at version 4, has not registered');
    desk.command('l', { kind: 'recover', clusterId: 'desk', giveUp: [nodeName('d')], giveUpSlots: [] });
    expect(desk.chain.members.map((m) => m.node)).toEqual(['b']);
    // Who was given up may know more than anybody who reported; it does not make an orphan of what was recovered.
    desk.register('l', 'd', { epoch: epoch(desk.saved.epoch - 1), reign: reign(3), previous: who('d') });
    expect(view(desk).trouble).toBe(null);
  });

  test('recover keeps a chain whose members all lost power under `os` as it was: it waits for an operator', () => {
    const desk = new Desk(null);
    desk.add('l');
    desk.lead('l');
    for (const n of 'ab') {
      const report = {
        slot: slot(0),
        version: chainVersion(3),
        state: 'unproven' as const,
        insync: noIncarnation,
        end: origin,
        commit: origin,
        why: 'its machine was restarted',
        refused: chainVersion(0),
      };
      for (let twice = 0; twice < 2; twice++) desk.register('l', n, { epoch: epoch(7), reports: [report] });
      desk.holdings('l', n, [assignment(3, 'ab')]);
    }
    const order = { kind: 'recover', clusterId: 'desk', giveUpSlots: [] } as const;
    const both = [nodeName('a'), nodeName('b')];
    expect(desk.command('l', { ...order, giveUp: both })?.message).toContain(
      'every member of slot 0 is given up',
    );
    expect(desk.command('l', { ...order, giveUp: [] })?.message).toContain('state rebuilt');
    expect(desk.chain.members.map((m) => [m.node, m.whole])).toEqual([
      ['a', true],
      ['b', true],
    ]);
  });

  test('recover is refused while the leader has its state, and by who does not lead', () => {
    const desk = leaderOf();
    const order = { kind: 'recover', clusterId: 'desk', giveUp: [], giveUpSlots: [] } as const;
    expect(desk.command('l', order)?.message).toContain('this leader has its state (cluster desk, epoch 2');
    desk.add('f');
    desk.advance(1500, ['l', 'f']);
    expect(desk.command('f', order)?.message).toContain('f does not lead; ask the leader, l:1');
  });
});

describe('R30: slots that no node ever held', () => {
  const order = { kind: 'recover', clusterId: 'desk', giveUp: [], giveUpSlots: [] } as const;

  /** The state of three slots is gone; of `names` each holds slot 0, and nobody any other. */
  function lost(names: string, chain = 'ab'): Desk {
    const desk = new Desk(null);
    desk.add('l', { slots: 3, nodes: 3, replicationFactor: 2 });
    desk.lead('l');
    for (let twice = 0; twice < 2; twice++) for (const n of names) desk.register('l', n, { epoch: epoch(7) });
    for (const n of names) desk.holdings('l', n, chain.includes(n) ? [assignment(5, chain)] : []);
    return desk;
  }

  test('begin anew, empty, when every node of the cluster is heard', () => {
    const desk = lost('abc');
    const done = desk.command('l', order);
    expect(done).toMatchObject({ ok: true });
    expect(done?.message).toContain('begun anew, empty, as no node held them: slots 1, 2');
    const { chains } = desk.saved;
    expect(chains.map((c) => c.members.length)).toEqual([2, 2, 2]);
    expect(chains.map((c) => c.version)).toEqual([1005, 1000, 1000]);
    expect(chains[0]?.members.map((m) => m.node)).toEqual(['a', 'b']);
    // Their processes register, and carry the chains on.
    for (const n of 'abc') desk.register('l', n, { epoch: epoch(7) });
    desk.advance(20_000, ['l']);
    expect(desk.saved.chains[1]?.version).toBe(1001);
    expect(desk.saved.chains.every((c) => c.handedOut)).toBe(true);
  });

  test.each([
    ['a node that the others know is not heard', lost('ab', 'abc'), [nodeName('c')], 'c is not heard'],
    ['fewer nodes are heard than there should be', lost('ab'), [], '2 of the 3 nodes'],
  ])('do not while %s: recover says which slots, and what would give them up', (_, desk, giveUp, why) => {
    const refused = desk.command('l', { ...order, giveUp });
    expect(refused?.ok).toBe(false);
    expect(refused?.message).toContain('no node that is heard ever held slots 1, 2');
    expect(refused?.message).toContain(why);
    expect(refused?.message).toContain('--give-up-slots 1,2');
    // One of them is not enough, nor is any other.
    const one = desk.command('l', { ...order, giveUp, giveUpSlots: [slot(0), slot(2)] });
    expect(one?.message).toContain('ever held slot 1,');
    const done = desk.command('l', { ...order, giveUp, giveUpSlots: [slot(1), slot(2)] });
    expect(done).toMatchObject({ ok: true });
    // Who held them after all may know an epoch that nobody who was heard knows.
    expect(desk.saved.epoch).toBeGreaterThan(1000);
  });

  test('recover names who is marked to be emptied in the state that it took up', () => {
    const left = stateOf('abc', {});
    const desk = new Desk({ ...left, nodes: left.nodes.map((n) => ({ ...n, drain: n.node !== 'b' })) });
    desk.add('l');
    desk.lead('l');
    desk.beat('l', 'b', { version: 4 });
    for (const n of 'abc') {
      desk.register('l', n, {});
      desk.holdings('l', n, [assignment(4, 'abc')]);
    }
    const done = desk.command('l', order);
    expect(done?.message).toContain(
      'marked to be emptied in what was left of the state: a, c (chainctl undrain',
    );
  });
});

describe('R43: what proves nothing', () => {
  test('a stranger that names no cluster claims a higher epoch: the leader goes on', () => {
    const desk = leaderOf();
    desk.register('l', 'x', { clusterId: '', epoch: epoch(99), reign: reign(5) });
    desk.beat('l', 'x', { of: '', as: incarnation(epoch(98), 1), holds: { epoch: epoch(99) } });
    desk.advance(2000, ['l'], () => desk.beat('l', 'a'));
    expect(view(desk)).toMatchObject({ leading: true, trouble: null });
    expect(desk.takeSent('l', 'x', 'refused').at(-1)).toMatchObject({ code: 'UNKNOWN_INCARNATION' });
  });

  test('one node of another cluster claims a higher epoch: it is refused, the leader goes on', () => {
    const desk = leaderOf();
    desk.beat('l', 'x', { of: 'other', as: incarnation(epoch(98), 1), holds: { epoch: epoch(99) } });
    desk.advance(2000, ['l'], () => desk.beat('l', 'a'));
    expect(view(desk)).toMatchObject({ leading: true, trouble: null });
    expect(desk.takeSent('l', 'x', 'refused').at(-1)).toMatchObject({ code: 'WRONG_CLUSTER' });
  });
});

describe('R43: nodes of another cluster', () => {
  const foreign = { clusterId: 'other', epoch: epoch(4), reign: reign(8) };

  test('one is refused with a sentence, and nothing else changes', () => {
    const desk = leaderOf();
    desk.register('l', 'x', foreign);
    expect(desk.takeSent('l', 'x', 'refused')[0]?.why).toContain('belongs to cluster other, this is desk');
    expect(desk.leading('l')).toBe(true);
  });

  test('when no other is heard, the state is not theirs: an orphan, until one of its own comes', () => {
    const desk = new Desk(stateOf('abc', {}));
    desk.add('l');
    desk.lead('l');
    desk.advance(hearing + 500, ['l'], () => desk.register('l', 'x', foreign));
    expect(view(desk).trouble).toMatchObject({ reason: 'StateLost', clusterId: 'other' });
    desk.register('l', 'a', {});
    expect(desk.leading('l')).toBe(true);
  });

  const blank = { clusterId: '', epoch: epoch(0), reign: reign(0), previous: noIncarnation };
  const later = (): ClusterState => stateOf('abc', { version: chainVersion(5) });
  /** A node that reports a version of slot 0. */
  const holding = (version: number): Partial<Register> => ({
    reports: [
      {
        slot: slot(0),
        version: chainVersion(version),
        state: 'stale',
        insync: noIncarnation,
        end: origin,
        commit: origin,
        why: '',
        refused: chainVersion(0),
      },
    ],
  });

  test('a blank node that the state took in says nothing about whose it is', () => {
    const desk = new Desk(later());
    desk.add('l');
    desk.lead('l');
    // It asks as a node that is new, and later as one of the cluster that took it in.
    desk.advance(hearing + 500, ['l'], () => desk.register('l', 'n', blank));
    expect(desk.saved.nodes.map((n) => n.node)).toContain('n');
    desk.beat('l', 'n', { as: desk.saved.nodes.find((n) => n.node === 'n')?.incarnation as Incarnation });
    desk.register('l', 'x', foreign);
    expect(view(desk).trouble).toMatchObject({ reason: 'StateLost', clusterId: 'other' });
    // Nor does it afterwards, nor a member's name over another store, nor a member without a version.
    desk.register('l', 'n', {});
    desk.register('l', 'a', { ...holding(5), store: storeId('another') });
    desk.register('l', 'a', {});
    expect(desk.leading('l')).toBe(false);
    desk.register('l', 'a', holding(5));
    expect(desk.leading('l')).toBe(true);
  });

  test('a blank node waits until a member was heard, or until everybody could have been', () => {
    const desk = new Desk(later());
    desk.add('l');
    desk.lead('l');
    desk.advance(1000, ['l'], () => desk.register('l', 'n', blank));
    expect(desk.saved.nodes.map((n) => n.node)).not.toContain('n');
    desk.beat('l', 'a', { version: 5 });
    desk.register('l', 'n', blank);
    desk.advance(200, ['l']);
    expect(desk.saved.nodes.map((n) => n.node)).toContain('n');
  });
});

describe('R46: silence counts after a full chance to be heard', () => {
  test('a new leader grants no lease, changes no chain and erases nothing while a member may still be on its way', () => {
    const left = stateOf('abcx', { version: chainVersion(2), members: [...'abc'].map((n) => member(n)) });
    const desk = new Desk(left);
    desk.add('l');
    desk.lead('l');
    const beats = (): void => {
      for (const n of 'ab') desk.beat('l', n, { version: 2, leaving: n === 'b' });
      desk.beat('l', 'x', { version: 1, state: 'stale' });
    };
    desk.advance(hearing - 300, ['l'], beats);
    expect(desk.takeSent('l', 'a', 'grant').every((g) => g.leaseMs === 0)).toBe(true);
    expect(desk.chain.version).toBe(2);
    expect(
      desk
        .takeSent('l', 'x', 'set')
        .flatMap((m) => m.assignments)
        .some((a) => a.drop),
    ).toBe(false);
    desk.beat('l', 'c', { version: 2 });
    desk.advance(300, ['l'], beats);
    expect(desk.takeSent('l', 'a', 'grant').some((g) => g.leaseMs > 0)).toBe(true);
    expect(desk.chain.version).toBeGreaterThan(2);
  });

  test('nothing is founded before that', () => {
    const desk = new Desk(null);
    desk.add('l', { replicationFactor: 1, nodes: 1 });
    desk.lead('l');
    const blank = { clusterId: '', epoch: epoch(0), reign: reign(0), previous: noIncarnation };
    desk.advance(hearing - 300, ['l'], () => desk.register('l', 'x', blank));
    expect(desk.text('state')).toBe(undefined);
    desk.advance(600, ['l'], () => desk.register('l', 'x', blank));
    expect(desk.saved.clusterId).toBe('new');
  });

  test('a member that was never heard is dead only after that', () => {
    const desk = new Desk(stateOf('ab', {}));
    desk.add('l', { replicationFactor: 2, nodes: 2 });
    desk.lead('l');
    desk.advance(hearing - 300, ['l'], () => desk.beat('l', 'a'));
    expect(view(desk).nodes.find((n) => n.node === 'b')?.status).not.toBe('dead');
    desk.advance(600, ['l'], () => desk.beat('l', 'a'));
    expect(view(desk).nodes.find((n) => n.node === 'b')?.status).toBe('dead');
  });
});

test('R44: data is erased only when each member said that it serves in that very version', () => {
  const desk = new Desk(stateOf('abx', { version: chainVersion(2), members: [member('a'), member('b')] }));
  desk.add('l', { replicationFactor: 2, drain: [nodeName('x')] });
  desk.lead('l');
  const drops = (): boolean[] =>
    desk
      .takeSent('l', 'x', 'set')
      .flatMap((m) => m.assignments)
      .map((a) => a.drop);
  const stale = { version: 1, state: 'stale' } as const;
  desk.advance(4000, ['l'], () => {
    desk.beat('l', 'a', { version: 2 });
    desk.beat('l', 'b', { version: 2, state: 'member' });
    desk.beat('l', 'x', stale);
  });
  const early = drops();
  expect(early.length).toBeGreaterThan(0);
  expect(early).not.toContain(true);
  desk.advance(1500, ['l'], () => {
    for (const n of 'ab') desk.beat('l', n, { version: 2 });
    desk.beat('l', 'x', stale);
  });
  expect(drops()).toContain(true);
});

describe('bad input: what lies in the state store', () => {
  const good = writeState(stateOf('abc', {}));
  const unsealed = JSON.stringify({ ...JSON.parse(good), check: undefined });

  test.each([
    ['no JSON', '{"format":', 'is no JSON'],
    ['a newer format', JSON.stringify({ format: 3 }), 'a newer release wrote it; run that release'],
    ['an older format', JSON.stringify({ format: 1 }), 'an older release wrote it'],
    ['something else', JSON.stringify({ hello: 1 }), 'it has no format number'],
    ['one without a checksum', unsealed, 'carries no checksum'],
    ['an edited one', good.replace('"desk"', '"mine"'), 'its checksum does not hold'],
    ['half of one', good.slice(0, 100), 'is no JSON'],
  ])('%s makes an orphan that says so and writes nothing over it', (_, text, why) => {
    const desk = new Desk(null);
    desk.put('state', text);
    desk.add('l');
    desk.lead('l');
    desk.advance(5000, ['l'], () => desk.beat('l', 'a'));
    expect(view(desk).trouble?.message).toContain(why);
    expect(desk.text('state')).toBe(text);
    for (const n of 'abc') {
      desk.register('l', n, {});
      desk.holdings('l', n, [assignment(1, 'abc')]);
    }
    expect(
      desk.command('l', { kind: 'recover', clusterId: 'desk', giveUp: [], giveUpSlots: [] }),
    ).toMatchObject({ ok: true });
    expect(desk.saved.clusterId).toBe('desk');
  });

  test.each([
    ['no JSON', 'not json', 'is no JSON'],
    ['of a newer format', JSON.stringify({ format: 9 }), 'a newer release wrote it'],
    ['a damaged one', JSON.stringify({ format: 2, holder: 7 }), 'a value in "holder" is not a text'],
  ])('a lease that is %s: nobody leads, everybody says why, nothing is written over it', (_, text, why) => {
    const desk = new Desk(stateOf('abc', {}));
    desk.put('lease', text);
    desk.add('l');
    desk.advance(20_000, ['l']);
    expect(desk.leading('l')).toBe(false);
    expect(desk.text('lease')).toBe(text);
    expect(view(desk).trouble).toMatchObject({ reason: 'LeaseUnreadable' });
    expect(view(desk).trouble?.message).toContain(why);
    desk.put('lease', undefined);
    desk.advance(3000, ['l']);
    expect(desk.leading('l')).toBe(true);
    expect(view(desk).trouble).toBe(null);
  });

  test('what is written is what is read, and the state of the largest cluster fits one object', () => {
    const names = Array.from({ length: 40 }, (_, i) => `a-long-name-of-a-cluster-of-storage-nodes-node-${i}`);
    const one = stateOf('a', {});
    const nodes = names.map((n, i) => ({
      ...(one.nodes[0] as (typeof one.nodes)[number]),
      node: nodeName(n),
      store: storeId(`00000000-0000-4000-8000-${String(i).padStart(12, '0')}`),
      incarnation: who(String.fromCharCode(65 + i)),
    }));
    const chains = Array.from({ length: 4096 }, (_, i) => ({
      ...(one.chains[0] as (typeof one.chains)[number]),
      slot: slot(i),
      version: chainVersion(1000 + i),
      members: Array.from({ length: 7 }, (_, k) => {
        const n = nodes[(i * 7 + k * 3) % nodes.length] as (typeof nodes)[number];
        const { node, store, incarnation } = n;
        return {
          node,
          store,
          incarnation,
          address: `${node}.pods.of.a.namespace.svc:7400`,
          since: chainVersion(9),
          whole: true,
        };
      }),
      reason: 'a node was started anew',
    }));
    const state = { ...one, slots: 4096, nodes, chains };
    const text = writeState(state);
    // Kubernetes takes 1 MiB compressed, etcd 1.5 MiB; this is what it is before that.
    expect(text.length).toBeLessThan(1_048_576);
    const read = readState(text);
    expect(read.ok && read.value).toEqual(state);
  });
});

describe('a leader and its own lease', () => {
  test('a renewal whose answer was lost is known again: no conflict with itself', () => {
    const desk = leaderOf();
    desk.hold('l');
    const step = (how: 'told' | 'lost' | 'never'): void => {
      while (desk.waiting('l') === 0) desk.advance(100, ['l'], () => desk.beat('l', 'a'));
      desk.answer('l', how);
    };
    step('lost');
    step('never');
    step('told');
    desk.release('l');
    const before = desk.mono;
    desk.advance(1000, ['l']);
    expect(desk.leading('l')).toBe(true);
    expect(desk.mono - before).toBe(1000);
    expect(desk.saved.epoch).toBe(2);
  });

  test('another process of the same name is another coordinator', () => {
    const desk = leaderOf();
    const found = readLease(desk.text('lease') ?? '');
    if (!found.ok) throw new Error(found.why);
    desk.put('lease', JSON.stringify({ ...found.value, process: 4711 }));
    desk.advance(1500, ['l']);
    expect(desk.leading('l')).toBe(false);
  });
});
