import { expect, test } from 'vitest';
import { checkLimits, limits } from './limits.ts';
import { inspect } from './node/inspect.ts';
import type { WriteRequest } from './requests.ts';
import { Lab } from './testing/lab.ts';
import { keyIn, putRequest } from './testing/samples.ts';
import { type Key, key } from './words.ts';

test('limits that contradict each other are refused', () => {
  expect(() => checkLimits({ ...limits, frameBytes: limits.appendBytes })).toThrow(/frameBytes/);
  expect(() => checkLimits({ ...limits, nodePendingBytes: 1000 })).toThrow(/nodePendingBytes/);
});

const slots = 16;
const put = (of: Key, bytes: number): WriteRequest => putRequest(of, new Uint8Array(bytes));

/** A head with two chains whose second member has just died, and one whose second member lives. */
function headOfStuckChains(lab: Lab): { head: string; dead: string; stuck: number[]; living: number } {
  const chains = lab.coordinator.view(lab.now).chains.map((c) => c.members.map((m) => m.node as string));
  for (const head of lab.nodes.keys())
    for (const dead of lab.nodes.keys()) {
      const own = chains.flatMap((c, slot) => (c[0] === head ? [{ slot, tail: c[1] }] : []));
      const stuck = own.filter((c) => c.tail === dead).map((c) => c.slot);
      const living = own.find((c) => c.tail !== dead)?.slot;
      if (stuck.length >= 2 && living !== undefined) return { head, dead, stuck, living };
    }
  throw new Error('no such head');
}

test('uncommitted entries of all slots are bounded, and a stuck chain leaves room for the others', () => {
  const lab = new Lab({
    nodes: 3,
    slots,
    replicationFactor: 2,
    limits: { pendingBytes: 80_000, nodePendingBytes: 80_000 },
  });
  lab.until(() => lab.allFull);
  const { head, dead, stuck, living } = headOfStuckChains(lab);
  const [first, second] = stuck as [number, number];
  lab.kill(dead);
  const held = (): number => inspect(lab.node(head).core).pendingBytes;
  const fill = (slot: number): number => {
    for (let taken = 0; ; taken++) {
      const reply = lab.ask(head, put(keyIn(slot, slots), 1000));
      if (reply === undefined) continue;
      expect(reply).toMatchObject({ kind: 'failed', code: 'OVERLOADED', outcome: 'definite' });
      return taken;
    }
  };
  // Half of the room, then half of what is left.
  expect(fill(first)).toBeGreaterThan(fill(second));
  expect(fill(first)).toBe(0);
  expect(held()).toBeLessThan(80_000);
  for (let i = 0; i < 100; i++) expect(lab.ask(head, put(keyIn(living, slots), 1000))?.kind).toBe('written');
  // The dead one is left out; everything commits, and the count is back to nothing.
  lab.until(() => held() === 0);
  expect(lab.ask(head, put(keyIn(first, slots), 1000))?.kind).toBe('written');
});

test('requests that wait are bounded in number and bytes, those of other nodes included', () => {
  const lab = new Lab({
    nodes: 2,
    slots: 1,
    replicationFactor: 2,
    limits: { waitingRequests: 4, waitingBytes: 50_000, passedRequests: 3 },
  });
  lab.until(() => lab.allFull);
  const [head, tail] = lab.coordinator.view(lab.now).chains[0]?.members.map((m) => m.node as string) ?? [];
  if (head === undefined || tail === undefined) throw new Error('no chain');
  const state = inspect(lab.node(head).core);
  const passes = (request: WriteRequest): WriteRequest => ({ ...request, passOn: true });
  const refused = { kind: 'failed', code: 'OVERLOADED', outcome: 'definite' };
  // Nothing commits while the head's disk stands still.
  lab.stall(head);
  const one = key('one');
  expect(lab.ask(tail, passes(put(one, 40_000)))).toBeUndefined();
  expect(lab.ask(head, put(one, 20_000))).toMatchObject(refused);
  expect(lab.ask(tail, passes(put(one, 20_000)))).toMatchObject(refused);
  for (let i = 0; i < 2; i++) expect(lab.ask(tail, passes(put(one, 1)))).toBeUndefined();
  expect(lab.ask(tail, passes(put(one, 1)))).toMatchObject(refused);
  expect(lab.ask(head, put(one, 1))).toBeUndefined();
  expect(state.waiting.size + state.asked.size).toBe(4);
  expect(lab.ask(head, put(one, 1))).toMatchObject(refused);
  lab.resume(head);
  expect(state.waiting.size + state.asked.size + state.waitingBytes).toBe(0);
  expect(inspect(lab.node(tail).core).passed.size).toBe(0);
  // One alone is taken, however large.
  expect(lab.ask(head, put(one, 60_000))?.kind).toBe('written');
});
