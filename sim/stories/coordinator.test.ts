/** Stories of coordinators: leases, fencing, takeovers, who is left out (R6, R7, R10 to R14, R23 to R27, R30, R31, R50). */

import { describe, expect, test } from 'vitest';
import { inspect } from '../../protocol/coordinator/inspect.ts';
import { defaultTimings } from '../../protocol/timings.ts';
import {
  chainVersion,
  epoch,
  incarnation,
  nodeName,
  noIncarnation,
  slot,
  storeId,
} from '../../protocol/words.ts';
import { Desk, member, type Says, stateOf, who } from './desk.ts';
import { position } from './positions.ts';

const names = (desk: Desk): string[] => desk.chain.members.map((m) => m.node);
const timings = (readLeaseMs: number) => ({ ...defaultTimings, readLeaseMs, heartbeatMs: 100 });

/** A leader of [a, x] whose takeover wait is over; both are heard and hold leases of its own. */
function leaderOf(nodes: string, replicationFactor = nodes.length): Desk {
  const desk = new Desk(stateOf(nodes, {}));
  desk.add('l', { replicationFactor, nodes: nodes.length });
  desk.lead('l');
  desk.advance(2000, ['l'], () => {
    for (const n of nodes) desk.beat('l', n);
  });
  for (const n of nodes) desk.takeSent('l', n, 'grant');
  return desk;
}

describe('R6: leaving an incarnation out is two steps', () => {
  test('the others get the version only when its lease has run out, and that lease is not renewed meanwhile', () => {
    const desk = leaderOf('ax');
    desk.beat('l', 'x', { leaving: true });
    const askedAt = desk.mono;
    expect(names(desk)).toEqual(['a']);
    expect(desk.chain.handedOut).toBe(false);
    while (desk.mono < askedAt + 1000) {
      desk.advance(100, ['l'], () => {
        desk.beat('l', 'a');
        desk.beat('l', 'x', { leaving: true });
      });
      expect(desk.given('l', 'a')).toBeLessThan(2);
    }
    const grants = desk.takeSent('l', 'x', 'grant');
    expect(grants.slice(1).every((g) => g.denied.includes(slot(0)))).toBe(true);
    const others = desk.takeSent('l', 'a', 'grant');
    expect(others.every((g) => g.leaseMs > 0 && !g.denied.includes(slot(0)))).toBe(true);
    desk.advance(200, ['l'], () => desk.beat('l', 'a'));
    expect(desk.given('l', 'a')).toBe(2);
  });

  test('or at once when it acknowledged', () => {
    const desk = leaderOf('ax');
    desk.beat('l', 'x', { leaving: true });
    desk.beat('l', 'x', { leaving: true, version: 2, state: 'stale' });
    desk.beat('l', 'a');
    expect(desk.given('l', 'a')).toBe(2);
  });
});

test('4.10: who is named by a second override waits for no lease of its own', () => {
  const desk = leaderOf('ax');
  const both = (version: number): void =>
    desk.advance(200, ['l'], () => {
      for (const n of 'ax') desk.beat('l', n, { version, end: position(1, 3) });
    });
  both(1);
  desk.hold('l');
  const order = (node: string): void => {
    desk.command('l', { kind: 'override', slot: slot(0), node: nodeName(node) });
  };
  // The first one leaves x out; before that is saved somebody thinks better of it.
  order('a');
  order('x');
  desk.release('l');
  expect([names(desk), desk.chain.excluded.map((e) => e.node)]).toEqual([['x'], ['a']]);
  for (let i = 0; i < 10; i++) both(1);
  expect(desk.given('l', 'x')).toBe(3);
  both(3);
  const grants = desk.takeSent('l', 'x', 'grant');
  expect(grants.at(-1)?.denied).toEqual([]);
});

test('P7: a heartbeat that comes late says nothing', () => {
  const desk = leaderOf('ax');
  const early = desk.nextBeat();
  desk.beat('l', 'x', { version: 1, state: 'serving' });
  desk.beat('l', 'x', { number: early, leaving: true });
  expect(inspect(desk.core('l')).heard.get(nodeName('x'))?.leaving).toBe(false);
  expect(names(desk)).toEqual(['a', 'x']);
});

describe('6: only what was saved is published', () => {
  test('a version that is being saved is given to nobody, and nobody is told that it was taken in', () => {
    const desk = leaderOf('ax');
    desk.beat('l', 'x', { leaving: true });
    desk.beat('l', 'a', { version: 1 });
    desk.hold('l');
    // x acknowledged: the version that leaves it out may be handed out as soon as that is on record.
    desk.beat('l', 'x', { leaving: true, version: 2, state: 'stale' });
    expect(desk.waiting('l')).toBe(1);
    desk.advance(300, ['l'], () => desk.beat('l', 'a'));
    expect(desk.given('l', 'a')).toBeLessThan(2);
    desk.release('l');
    desk.beat('l', 'a');
    expect(desk.given('l', 'a')).toBe(2);
  });
});

describe('P31: a node that comes back with an empty store', () => {
  test('is no member any more, and the others carry on', () => {
    const desk = leaderOf('ax');
    desk.register('l', 'x', { store: storeId('store-blank'), clusterId: '', lockProof: true });
    const now = inspect(desk.core('l')).saved?.nodes.find((n) => n.node === 'x')?.incarnation;
    if (now === undefined) throw new Error('x was not registered');
    desk.advance(100, ['l'], () => {
      desk.beat('l', 'a');
      desk.beat('l', 'x', { as: now, state: 'stale', version: 0 });
    });
    expect(names(desk)).toEqual(['a']);
  });
});

test('R19: who is left out keeps its data while the chain is not whole without it', () => {
  const drops = (desk: Desk): boolean[] =>
    desk
      .takeSent('l', 'x', 'set')
      .flatMap((m) => m.assignments)
      .map((a) => a.drop);
  const short = leaderOf('ax');
  short.beat('l', 'x', { leaving: true });
  short.advance(1500, ['l'], () => {
    short.beat('l', 'a', { version: short.chain.version });
    short.beat('l', 'x', { leaving: true, version: 2, state: 'stale' });
  });
  expect(names(short)).toEqual(['a']);
  const told = drops(short);
  expect(told.length).toBeGreaterThan(0);
  expect(told).not.toContain(true);
  // The same with as many members as are wanted.
  const whole = new Desk(stateOf('abx', { version: chainVersion(2), members: [member('a'), member('b')] }));
  whole.add('l', { replicationFactor: 2 });
  whole.lead('l');
  whole.advance(1500, ['l'], () => {
    for (const n of 'ab') whole.beat('l', n, { version: 2 });
    whole.beat('l', 'x', { version: 1, state: 'stale' });
  });
  expect(drops(whole)).toContain(true);
});

test('R7: a joiner that was just taken in does not carry a chain on alone', () => {
  const desk = new Desk(
    stateOf('ad', {
      members: [member('a')],
      joiner: { node: nodeName('d'), store: storeId('store-d'), incarnation: who('d'), address: 'd:1' },
    }),
  );
  desk.add('l', { replicationFactor: 2 });
  desk.lead('l');
  desk.advance(500, ['l'], () => {
    desk.beat('l', 'd', { state: 'copying' });
    desk.beat('l', 'a');
  });
  desk.beat('l', 'a', { insync: who('d') });
  expect(names(desk)).toEqual(['a', 'd']);
  // a is silent before it installs version 2; d installs, and waits for it.
  desk.advance(20_000, ['l'], () => desk.beat('l', 'd', { version: 2, state: 'member' }));
  expect(names(desk)).toEqual(['a', 'd']);
  expect(desk.chain.version).toBe(2);
});

describe('R50: everybody who surely had everything lost the end of his log', () => {
  const at = (end: number): Says => ({ version: 1, end: position(1, end) });
  const takenIn = (says: Says, other: Says): Desk => {
    const desk = new Desk(
      stateOf('ad', { members: [member('a'), member('d', { whole: false })], handedOut: true }),
    );
    desk.add('l', { replicationFactor: 2 });
    desk.lead('l');
    desk.advance(3000, ['l'], () => {
      desk.beat('l', 'a', says);
      desk.beat('l', 'd', { ...other, version: desk.chain.version });
    });
    return desk;
  };

  test('a member that was just taken in and holds more carries the chain on', () => {
    expect(names(takenIn({ ...at(3), state: 'lost' }, { ...at(4), state: 'member' }))).toEqual(['d']);
  });

  test('not one that holds no more', () => {
    expect(names(takenIn({ ...at(4), state: 'lost' }, { ...at(4), state: 'member' }))).toEqual(['a', 'd']);
  });

  test('nor while one who may have everything is only away', () => {
    expect(names(takenIn({ ...at(3), state: 'member' }, { ...at(4), state: 'member' }))).toEqual(['a', 'd']);
  });
});

describe('R10: a joiner becomes the tail only by a report of the present version about its present process', () => {
  function joining(): Desk {
    const joiner = { node: nodeName('j'), store: storeId('store-j'), incarnation: who('j'), address: 'j:1' };
    const desk = new Desk(stateOf('tj', { version: chainVersion(2), members: [member('t')], joiner }));
    desk.add('l', { replicationFactor: 2, nodes: 2 });
    desk.lead('l');
    desk.beat('l', 'j', { state: 'copying', version: 2 });
    return desk;
  }

  test('an older version says nothing', () => {
    const desk = joining();
    desk.beat('l', 't', { version: 1, insync: who('j') });
    desk.advance(200, ['l']);
    expect(names(desk)).toEqual(['t']);
    desk.beat('l', 't', { version: 2, insync: who('j') });
    expect(names(desk)).toEqual(['t', 'j']);
  });

  test('nor does another incarnation of the joiner', () => {
    const desk = joining();
    desk.beat('l', 't', { version: 2, insync: incarnation(epoch(1), 3) });
    desk.advance(200, ['l']);
    expect(names(desk)).toEqual(['t']);
  });
});

describe('R11: a new leader writes its epoch before it does anything', () => {
  test('a late save of the old leader makes the new one read anew, and nothing was granted before', () => {
    const desk = new Desk(stateOf('ax', {}));
    desk.add('l1', { replicationFactor: 2 });
    desk.lead('l1');
    desk.advance(2000, ['l1'], () => {
      desk.beat('l1', 'a');
      desk.beat('l1', 'x');
    });
    desk.hold('l1');
    // l1 decides to leave x out; its save hangs on the way. l1 is not heard of any more.
    desk.beat('l1', 'x', { leaving: true });
    expect(desk.waiting('l1')).toBe(1);
    desk.add('l2', { replicationFactor: 2 });
    desk.advance(500, ['l2']);
    desk.hold('l2');
    while (inspect(desk.core('l2')).leading.at === 'follower') {
      desk.advance(100, ['l2']);
      if (desk.waiting('l2') > 0) desk.answer('l2');
    }
    // It holds the lease and reads the state; its own first write is on the way.
    desk.answer('l2');
    desk.beat('l2', 'x');
    desk.answer('l1');
    expect(names(desk)).toEqual(['a']);
    desk.beat('l2', 'x');
    expect(desk.takeSent('l2', 'x', 'grant')).toEqual([]);
    expect(desk.leading('l2')).toBe(false);
    desk.release('l2');
    desk.beat('l2', 'x');
    expect(desk.takeSent('l2', 'x', 'grant')).toEqual([]);
    desk.lead('l2');
    desk.beat('l2', 'x');
    const grant = desk.takeSent('l2', 'x', 'grant')[0];
    expect(grant?.denied).toEqual([slot(0)]);
    expect(desk.saved.epoch).toBe(3);
  });
});

test('R12: a leader that can not renew grants nothing after its own lease, ticks or not', () => {
  const desk = leaderOf('ax');
  desk.hold('l');
  desk.advance(1500, ['l'], () => desk.beat('l', 'x'));
  expect(desk.takeSent('l', 'x', 'grant').length).toBeGreaterThan(0);
  // Not even one tick: a heartbeat is what comes first after the stall.
  desk.mono += 2000;
  desk.beat('l', 'x');
  expect(desk.takeSent('l', 'x', 'grant')).toEqual([]);
});

describe('P44: a leader whose machine slept grants nothing to who asked meanwhile', () => {
  /** The monotonic clock stood still, the wall clock went on. */
  const sleep = (desk: Desk): void => {
    desk.sleptMs += 5000;
  };

  test('not under the lease that it held', () => {
    const desk = leaderOf('ax');
    desk.beat('l', 'x');
    expect(desk.takeSent('l', 'x', 'grant')).toHaveLength(1);
    sleep(desk);
    desk.beat('l', 'x');
    expect(desk.takeSent('l', 'x', 'grant')).toEqual([]);
    expect(desk.leading('l')).toBe(false);
  });

  test('not even when somebody looked at its state first', () => {
    const desk = leaderOf('ax');
    sleep(desk);
    expect(desk.leading('l')).toBe(false);
    desk.beat('l', 'x');
    expect(desk.takeSent('l', 'x', 'grant')).toEqual([]);
  });

  test('nor under one whose renewal was on its way when it fell asleep', () => {
    const desk = leaderOf('ax');
    desk.hold('l');
    desk.advance(1000, ['l'], () => {});
    sleep(desk);
    desk.release('l');
    desk.beat('l', 'x');
    expect(desk.takeSent('l', 'x', 'grant')).toEqual([]);
  });
});

describe('R13, R14: the takeover wait', () => {
  const excluding = { version: chainVersion(2), members: [member('a')], handedOut: false };
  const excluded = [{ node: nodeName('x'), incarnation: who('x') }];

  test('R13: it holds for an exclusion that the leader before saved', () => {
    const desk = new Desk(stateOf('ax', { ...excluding, excluded }));
    desk.add('l', { replicationFactor: 2 });
    desk.lead('l');
    const tookOver = desk.mono;
    desk.advance(900, ['l'], () => desk.beat('l', 'a'));
    expect(desk.given('l', 'a')).toBe(0);
    expect(desk.chain.handedOut).toBe(false);
    desk.advance(tookOver + 1300 - desk.mono, ['l'], () => desk.beat('l', 'a'));
    expect(desk.given('l', 'a')).toBe(2);
  });

  test('R14: it lasts as long as the longest lease that the saved state ever allowed, with the margin', () => {
    const desk = new Desk(stateOf('ax', { ...excluding, excluded }, { leaseMsMax: 3000 }));
    desk.add('l', { replicationFactor: 2, timings: timings(1000) });
    desk.lead('l');
    const tookOver = desk.mono;
    desk.advance(2900, ['l'], () => desk.beat('l', 'a'));
    expect(desk.chain.handedOut).toBe(false);
    expect(desk.given('l', 'a')).toBe(0);
    desk.advance(tookOver + 3400 - desk.mono, ['l'], () => desk.beat('l', 'a'));
    expect(desk.given('l', 'a')).toBe(2);
  });

  test('R14: the allowed lease goes down only one old lease later, and up before anybody gets more', () => {
    const desk = new Desk(stateOf('ax', {}, { leaseMsMax: 3000 }));
    desk.add('l', { replicationFactor: 2, timings: timings(1000) });
    desk.lead('l');
    desk.advance(2900, ['l'], () => desk.beat('l', 'a'));
    expect(desk.saved.leaseMsMax).toBe(3000);
    expect(desk.takeSent('l', 'a', 'grant').every((g) => g.leaseMs <= 1000)).toBe(true);
    desk.advance(600, ['l'], () => desk.beat('l', 'a'));
    expect(desk.saved.leaseMsMax).toBe(1000);
    desk.hold('l');
    inspect(desk.core('l')).desired = { ...inspect(desk.core('l')).desired, timings: timings(5000) };
    desk.beat('l', 'a');
    expect(desk.takeSent('l', 'a', 'grant').every((g) => g.leaseMs <= 1000)).toBe(true);
    desk.release('l');
    desk.advance(200, ['l'], () => desk.beat('l', 'a'));
    expect(desk.saved.leaseMsMax).toBe(5000);
  });
});

describe('R23: incarnations', () => {
  test('two leaders never issue the same one', () => {
    expect(incarnation(epoch(1), 7)).not.toBe(incarnation(epoch(2), 7));
  });

  test.each([
    [false, false],
    [true, true],
  ])('a restart in place, proof of the lock %s: handed out at once %s', (lockProof, atOnce) => {
    const desk = leaderOf('ax');
    desk.register('l', 'x', { lockProof });
    const now = inspect(desk.core('l')).saved?.nodes.find((n) => n.node === 'x')?.incarnation;
    expect(now).not.toBe(who('x'));
    desk.beat('l', 'a');
    if (now !== undefined) desk.beat('l', 'x', { as: now, state: 'stale' });
    desk.advance(100, ['l']);
    expect(desk.chain.members.map((m) => m.incarnation)).toEqual([who('a'), now]);
    expect(desk.chain.handedOut).toBe(atOnce);
    desk.advance(1200, ['l'], () => desk.beat('l', 'a'));
    expect(desk.chain.handedOut).toBe(true);
  });
});

describe('R24: the mass-failure guard is a delay, not a veto', () => {
  test('two of three that are silent for good are left out in the end', () => {
    const desk = leaderOf('abc');
    desk.advance(2500, ['l'], () => desk.beat('l', 'a'));
    expect(names(desk)).toEqual(['a', 'b', 'c']);
    desk.advance(5000, ['l'], () => desk.beat('l', 'a'));
    expect(names(desk)).toEqual(['a']);
  });

  test('at once when all who are heard do not reach them either', () => {
    const desk = leaderOf('abc');
    desk.advance(1300, ['l'], () => desk.beat('l', 'a'));
    expect(names(desk)).toEqual(['a', 'b', 'c']);
    desk.beat('l', 'a', { unreachable: ['b', 'c'] });
    expect(names(desk)).toEqual(['a']);
  });

  test('a leader that stood still counts no silence', () => {
    const desk = leaderOf('abc');
    desk.mono += 2500;
    desk.advance(300, ['l'], () => desk.beat('l', 'a'));
    expect(names(desk)).toEqual(['a', 'b', 'c']);
  });
});

test('R25: a link that is dead while both ends are heard costs one of them its place', () => {
  const desk = leaderOf('abc');
  desk.advance(500, ['l'], () => {
    desk.beat('l', 'a');
    desk.beat('l', 'b', { unreachable: ['c'] });
    desk.beat('l', 'c', { unreachable: ['b'] });
  });
  expect(names(desk)).toEqual(['a', 'b']);
});

describe('2.7: after a power cut of all members under durability `os`', () => {
  /** Each of `nodes` comes back after the cut with a log that ends there, `l` = with a hole in it. */
  function afterCut(osRestart: 'wait' | 'longestLog', ends: Readonly<Record<string, number | 'l'>>): Desk {
    const desk = new Desk(stateOf(Object.keys(ends).join(''), {}));
    desk.add('l', { osRestart });
    desk.lead('l');
    return desk;
  }

  function comeBack(desk: Desk, node: string, end: number | 'l'): void {
    const report = {
      slot: slot(0),
      version: chainVersion(1),
      state: end === 'l' ? ('lost' as const) : ('unproven' as const),
      insync: noIncarnation,
      end: position(1, end === 'l' ? 9 : end),
      commit: position(1, 1),
      why: 'its machine was restarted',
      refused: chainVersion(0),
    };
    desk.register('l', node, { reports: [report], process: desk.nextBeat() + 7000 });
  }

  test('the chain waits, unless the manifest says that the longest log carries it on', () => {
    for (const [osRestart, members] of [
      ['wait', ['a', 'b', 'c']],
      ['longestLog', ['b']],
    ] as const) {
      const ends = { a: 3, b: 5, c: 4 };
      const desk = afterCut(osRestart, ends);
      for (const [node, end] of Object.entries(ends)) comeBack(desk, node, end);
      desk.advance(20_000, ['l']);
      expect(names(desk)).toEqual(members);
      if (osRestart === 'longestLog') expect(desk.chain.reason).toContain('writes may be lost');
    }
  });

  test('it waits for each member, and where the log of one has a hole', () => {
    const desk = afterCut('longestLog', { a: 3, b: 5 });
    comeBack(desk, 'a', 3);
    desk.advance(60_000, ['l']);
    expect(names(desk)).toEqual(['a', 'b']);
    comeBack(desk, 'b', 'l');
    desk.advance(60_000, ['l']);
    expect(names(desk)).toEqual(['a', 'b']);
    comeBack(desk, 'b', 2);
    desk.advance(5000, ['l']);
    expect(names(desk)).toEqual(['a']);
  });

  test('a leader that lived through it leaves nobody out before it heard another', () => {
    const desk = afterCut('longestLog', { a: 5, b: 3, c: 4 });
    desk.advance(1500, ['l'], () => {
      for (const n of 'abc') desk.beat('l', n);
    });
    // They come back one after the other, or are taken for dead one after the other.
    desk.advance(900, ['l'], () => desk.beat('l', 'c'));
    comeBack(desk, 'a', 5);
    desk.advance(100, ['l']);
    comeBack(desk, 'b', 3);
    desk.advance(5000, ['l']);
    expect(names(desk)).toEqual(['a', 'b', 'c']);
    comeBack(desk, 'c', 4);
    desk.advance(100, ['l']);
    expect(names(desk)).toEqual(['a']);
  });

  test('a member that was not cut off from power carries the chain, however short its log is', () => {
    const desk = afterCut('longestLog', { a: 3, b: 5 });
    comeBack(desk, 'a', 5);
    desk.advance(3000, ['l'], () => desk.beat('l', 'b'));
    expect(names(desk)).toEqual(['b']);
  });
});

describe('R47: two nodes that cannot reach each other', () => {
  /**
   * Nodes a, b, c do at once what is saved; a and c never reach each other, or, where a copy goes over an old connection,
   * not as members. Names how often the chain changed in each minute.
   */
  function withoutLink(desk: Desk, minutes: number, heard = 'abc', copies = false): number[] {
    const apart = new Map([
      ['a', 'c'],
      ['c', 'a'],
    ]);
    const changes: number[] = [];
    for (let minute = 0; minute < minutes; minute++) {
      const before = desk.chain.version;
      desk.advance(60_000, ['l'], () => {
        const { version, members, joiner } = desk.chain;
        const reaches = (x: string, y: string | undefined): boolean => copies || apart.get(x) !== y;
        const all = [...members, ...(joiner === null || copies ? [] : [joiner])].map((m) => m.node as string);
        for (const n of heard) {
          const isMember = names(desk).includes(n);
          const other = apart.get(n) ?? '';
          desk.beat('l', n, {
            version,
            state: isMember ? 'serving' : joiner?.node === n ? 'copying' : 'stale',
            unreachable: all.includes(n) && all.includes(other) ? [other] : [],
            ...(names(desk).at(-1) === n && joiner !== null && reaches(n, joiner.node)
              ? { insync: joiner.incarnation }
              : {}),
          });
        }
      });
      changes.push(desk.chain.version - before);
    }
    return changes;
  }

  test('stand in one chain with the third between them, and it rests', () => {
    for (const order of ['acb', 'cab', 'bac', 'abc']) {
      const desk = leaderOf(order);
      const changes = withoutLink(desk, 2);
      expect(names(desk)).toHaveLength(3);
      expect(names(desk)[1]).toBe('b');
      expect(changes[0]).toBeLessThan(6);
      expect(changes[1]).toBe(0);
    }
  });

  test('and where there is no third one, they are tried again more and more rarely', () => {
    for (const copies of [false, true]) {
      const desk = leaderOf('ac');
      const changes = withoutLink(desk, 3, 'ac', copies);
      expect(names(desk)).toHaveLength(1);
      expect(Math.max(...changes)).toBeLessThan(7);
      expect(inspect(desk.core('l')).apart.size).toBe(1);
    }
  });

  test('a chain that changes all the time is changed by plan only when it had some rest', () => {
    const desk = leaderOf('abc');
    const s = inspect(desk.core('l'));
    s.changes.set(
      slot(0),
      Array.from({ length: 24 }, () => desk.mono),
    );
    desk.beat('l', 'c', { leaving: true });
    desk.beat('l', 'c', { leaving: true, version: 2, state: 'stale' });
    expect(names(desk)).toEqual(['a', 'b']);
    const beats = (): void => {
      for (const n of 'abc') desk.beat('l', n, n === 'c' ? { version: 2, state: 'stale' } : { version: 2 });
    };
    desk.advance(50_000, ['l'], beats);
    expect(desk.chain.joiner).toBe(null);
    desk.advance(15_000, ['l'], beats);
    expect(desk.chain.joiner?.node).toBe('c');
  });
});

test('R26: a member that is heard and does not install is left out', () => {
  const desk = leaderOf('abc');
  desk.beat('l', 'c', { leaving: true });
  desk.beat('l', 'c', { leaving: true, version: 2, state: 'stale' });
  expect(names(desk)).toEqual(['a', 'b']);
  desk.advance(3000, ['l'], () => {
    desk.beat('l', 'a', { version: 2 });
    desk.beat('l', 'b', { version: 1 });
  });
  expect(names(desk)).toEqual(['a']);
});

test('R27: a joiner that dies costs its detection, no more', () => {
  const joiner = { node: nodeName('j'), store: storeId('store-j'), incarnation: who('j'), address: 'j:1' };
  const desk = new Desk(stateOf('tj', { members: [member('t')], joiner }));
  desk.add('l', { replicationFactor: 2 });
  desk.lead('l');
  desk.beat('l', 'j', { state: 'copying' });
  desk.advance(1500, ['l'], () => desk.beat('l', 't'));
  expect(desk.chain.joiner).toBe(null);
  expect(desk.chain.version).toBe(1);
});

describe('R30: a state that was lost', () => {
  test('a coordinator without state leads nothing over nodes that belong to a cluster, until it is told to recover', () => {
    const desk = new Desk(null);
    desk.add('l', { replicationFactor: 2, nodes: 2 });
    desk.lead('l');
    const assignments = [
      {
        slot: slot(0),
        version: chainVersion(5),
        members: ['a', 'b'].map((n) => ({ node: nodeName(n), incarnation: who(n), address: `${n}:1` })),
        joiner: null,
        drop: false,
      },
    ];
    desk.register('l', 'a', { clusterId: 'old', epoch: epoch(9) });
    desk.register('l', 'a', { clusterId: 'old', epoch: epoch(9) });
    desk.holdings('l', 'a', assignments);
    desk.register('l', 'c', { clusterId: '', epoch: epoch(0) });
    expect(desk.takeSent('l', 'a', 'refused')[0]?.code).toBe('RECOVER');
    desk.advance(20_000, ['l']);
    expect(desk.saved).toBe(null);
    const refused = desk.command('l', { kind: 'recover', clusterId: 'old', giveUp: [], giveUpSlots: [] });
    expect(refused).toMatchObject({ ok: false });
    expect(refused?.message).toContain('b, member of slot 0');
    desk.command('l', { kind: 'recover', clusterId: 'old', giveUp: [nodeName('b')], giveUpSlots: [] });
    expect(desk.saved.clusterId).toBe('old');
    expect(desk.saved.epoch).toBeGreaterThan(9);
    expect(desk.chain.version).toBeGreaterThan(5);
    expect(names(desk)).toEqual(['a']);
  });
});

describe('R30: a cluster that has begun before', () => {
  test('is not founded anew by blank nodes, even if no other is heard', () => {
    const desk = new Desk(null);
    desk.add('l', { replicationFactor: 1, nodes: 1, begun: true });
    desk.advance(5000, ['l']);
    desk.register('l', 'x', { clusterId: '', epoch: epoch(0) });
    desk.advance(30_000, ['l']);
    expect(desk.saved).toBe(null);
    expect(desk.leading('l')).toBe(false);
    expect(desk.core('l').view({ mono: desk.mono, wall: desk.mono as never }).trouble).toMatchObject({
      reason: 'StateLost',
      clusterId: '',
    });
    expect(
      desk.command('l', { kind: 'recover', clusterId: 'old', giveUp: [], giveUpSlots: [] }),
    ).toMatchObject({ ok: false });
  });
});

describe('R31: a save with unknown outcome is followed by a fresh read', () => {
  function saving(): Desk {
    const desk = leaderOf('ax');
    desk.hold('l');
    desk.beat('l', 'x', { leaving: true });
    expect(desk.waiting('l')).toBe(1);
    return desk;
  }

  test('one that was written is found and goes on', () => {
    const desk = saving();
    desk.answer('l', 'lost');
    desk.beat('l', 'a');
    expect(desk.given('l', 'a')).toBeLessThan(2);
    expect(desk.waiting('l')).toBe(1);
    desk.release('l');
    desk.beat('l', 'x', { leaving: true, version: 2, state: 'stale' });
    desk.beat('l', 'a');
    expect(desk.given('l', 'a')).toBe(2);
  });

  test('one that did not arrive is written again, the same', () => {
    const desk = saving();
    desk.answer('l', 'never');
    desk.answer('l');
    expect(names(desk)).toEqual(['a', 'x']);
    desk.advance(600, ['l'], () => desk.beat('l', 'a'));
    desk.release('l');
    expect(names(desk)).toEqual(['a']);
    expect(desk.leading('l')).toBe(true);
  });

  test('a leader that can not read steps down', () => {
    const desk = saving();
    desk.answer('l', 'never');
    desk.answer('l', 'never');
    expect(desk.leading('l')).toBe(false);
    expect(desk.given('l', 'a')).toBeLessThan(2);
  });
});
