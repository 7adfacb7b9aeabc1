import { describe, expect, test } from 'vitest';
import { type NodeName, nodeName, type Slot, slot } from '../words.ts';
import { type Candidate, Placement } from './placement.ts';
import { type PlannerChain, type PlannerNode, plan as planWith, targetsOf } from './planner.ts';

const names = (n: number): NodeName[] => Array.from({ length: n }, (_, i) => nodeName(`n${i}`));
const candidate = (node: NodeName, zone = '', weight = 1): Candidate => ({ node, zone, host: node, weight });
const node = (name: NodeName, more: Partial<PlannerNode> = {}): PlannerNode => ({
  ...candidate(name),
  joinable: true,
  tight: false,
  eligible: true,
  unreachable: new Set(),
  ...more,
});
const wish = { replicationFactor: 3, concurrentMoves: 2 };
const placeSlot = (s: Slot, candidates: readonly Candidate[], length: number) =>
  new Placement(candidates).of(s, length);
const plan = (nodes: readonly PlannerNode[], chains: readonly PlannerChain[], w: typeof wish) =>
  planWith(
    nodes,
    chains,
    w,
    targetsOf(
      nodes,
      chains.map((c) => c.slot),
      w,
    ),
  );
const slots = Array.from({ length: 256 }, (_, i) => slot(i));

describe('placement', () => {
  test('a node that joins takes its share and moves nothing else', () => {
    const five = names(5).map((n) => candidate(n));
    const six = [...five, candidate(nodeName('n5'))];
    let moved = 0;
    for (const s of slots) {
      const before = placeSlot(s, five, 3);
      const after = placeSlot(s, six, 3);
      const gained = after.filter((n) => !before.includes(n));
      expect(gained.every((n) => n === 'n5')).toBe(true);
      moved += gained.length;
    }
    expect(moved / (slots.length * 3)).toBeGreaterThan(0.1);
    expect(moved / (slots.length * 3)).toBeLessThan(0.24);
  });

  test('replicas stand in different zones while there are enough', () => {
    const zoned = names(9).map((n, i) => candidate(n, `z${i % 3}`));
    for (const s of slots) {
      const zones = placeSlot(s, zoned, 3).map((n) => zoned.find((c) => c.node === n)?.zone);
      expect(new Set(zones).size).toBe(3);
    }
    const two = names(4).map((n, i) => candidate(n, `z${i % 2}`));
    for (const s of slots) expect(placeSlot(s, two, 3)).toHaveLength(3);
  });

  test('a node of double weight holds about double', () => {
    const heavy = [
      candidate(nodeName('n0'), '', 2),
      ...names(5)
        .slice(1)
        .map((n) => candidate(n)),
    ];
    const held = slots.filter((s) => placeSlot(s, heavy, 1)[0] === 'n0').length;
    expect(held / slots.length).toBeGreaterThan(0.24);
    expect(held / slots.length).toBeLessThan(0.43);
  });
});

describe('plan', () => {
  const chain = (s: Slot, members: string[], more: Partial<PlannerChain> = {}): PlannerChain => ({
    slot: s,
    members: members.map(nodeName),
    joiner: null,
    stable: true,
    ...more,
  });

  test('the shortest chains are repaired first, so many at once and not more', () => {
    const chains = [chain(slot(0), ['n0', 'n1']), chain(slot(1), ['n0']), chain(slot(2), ['n1', 'n2'])];
    const changes = plan(
      names(3).map((n) => node(n)),
      chains,
      wish,
    );
    expect(changes.map((c) => [c.kind, c.slot])).toEqual([
      ['join', 1],
      ['join', 0],
    ]);
    expect(changes[0]?.reason).toContain('1 of 3 replicas');
  });

  test('nothing is planned for a chain that is still changing', () => {
    expect(
      plan(
        names(3).map((n) => node(n)),
        [chain(slot(0), ['n0'], { stable: false })],
        wish,
      ),
    ).toEqual([]);
  });

  test('a drained node is replaced first and goes after', () => {
    const nodes = names(4).map((n) => node(n, n === 'n0' ? { eligible: false } : {}));
    const first = plan(nodes, [chain(slot(0), ['n0', 'n1', 'n2'])], wish);
    expect(first).toMatchObject([{ kind: 'join', node: 'n3' }]);
    const second = plan(nodes, [chain(slot(0), ['n0', 'n1', 'n2', 'n3'])], wish);
    expect(second).toMatchObject([{ kind: 'remove', node: 'n0' }]);
  });

  const cutFrom = (name: string, ...others: string[]): PlannerNode[] =>
    names(3).map((n) => node(n, n === name ? { unreachable: new Set(others.map(nodeName)) } : {}));

  test('a joiner that cannot reach the tail is not chosen: one that it reaches becomes the tail first', () => {
    const nodes = cutFrom('n2', 'n1');
    expect(plan(nodes, [chain(slot(0), ['n0', 'n1'])], wish)).toMatchObject([
      { kind: 'reorder', members: ['n1', 'n0'] },
    ]);
    expect(plan(nodes, [chain(slot(0), ['n1', 'n0'])], wish)).toMatchObject([{ kind: 'join', node: 'n2' }]);
  });

  test('and nothing is done for one that reaches nobody', () => {
    expect(plan(cutFrom('n2', 'n0', 'n1'), [chain(slot(0), ['n0', 'n1'])], wish)).toEqual([]);
  });

  test('two that cannot reach each other are not made neighbours for balance', () => {
    const chains = slots.slice(0, 6).map((s) => chain(s, ['n0', 'n1', 'n2']));
    for (let step = 0; step < 50; step++) {
      const change = plan(cutFrom('n0', 'n2'), chains, wish)[0];
      if (change?.kind !== 'reorder') break;
      expect(change.members[1]).toBe('n1');
      chains[change.slot] = { ...(chains[change.slot] as PlannerChain), members: change.members };
    }
    expect(chains.map((c) => c.members[1])).toEqual(Array(6).fill('n1'));
  });

  test('heads and tails become even, step by step, and then it rests', () => {
    const nodes = names(3).map((n) => node(n));
    let chains = slots.slice(0, 30).map((s) => chain(s, ['n0', 'n1', 'n2']));
    for (let step = 0; step < 200; step++) {
      const change = plan(nodes, chains, wish)[0];
      if (change === undefined) break;
      expect(change.kind).toBe('reorder');
      chains = chains.map((c) =>
        change.kind === 'reorder' && c.slot === change.slot ? { ...c, members: change.members } : c,
      );
    }
    expect(plan(nodes, chains, wish)).toEqual([]);
    for (const n of names(3)) {
      expect(chains.filter((c) => c.members[0] === n)).toHaveLength(10);
      expect(chains.filter((c) => c.members[2] === n)).toHaveLength(10);
    }
  });
});
