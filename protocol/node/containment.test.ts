import { expect, test } from 'vitest';
import { InvariantBroken } from '../errors.ts';
import type { WriteRequest } from '../requests.ts';
import { Lab, textOf } from '../testing/lab.ts';
import { getRequest, keyIn, putRequest } from '../testing/samples.ts';
import { type Key, nodeName } from '../words.ts';
import type { NodeEvent } from './contract.ts';
import { inspect } from './inspect.ts';

const slots = 2;
const put = (of: Key, text: string): WriteRequest => putRequest(of, text, { passOn: true });
const [a, b] = [keyIn(0, slots), keyIn(1, slots)];

function ready(): Lab {
  const lab = new Lab({ nodes: 3, slots });
  lab.until(() => lab.allFull);
  lab.tolerant = true;
  for (const k of [a, b]) expect(lab.ask('n0', put(k, 'before'))?.kind).toBe('written');
  return lab;
}

/** Whatever is looked at in it throws. */
function poison<T extends object>(whole: T, field: string, error: Error = new TypeError('poison')): T {
  return Object.defineProperty({ ...whole }, field, {
    get() {
      throw error;
    },
  });
}

const chainOf = (lab: Lab, slot: number): string[] =>
  lab.coordinator.view(lab.now).chains[slot]?.members.map((m) => m.node as string) ?? [];

test('an error in a request is that request’s: it is answered, and its slot goes on', () => {
  const lab = ready();
  const reply = lab.ask('n0', poison(put(a, 'x'), 'conditions'));
  expect(reply).toMatchObject({ kind: 'failed', code: 'INTERNAL', outcome: 'indefinite' });
  const { core } = lab.node('n0');
  const message = { kind: 'pass', id: 1, request: poison(put(a, 'x'), 'conditions') } as const;
  const peer = nodeName('n1');
  core.handle({ kind: 'peer', from: peer, incarnation: lab.node('n1').core.incarnation, message }, lab.now);
  expect(core.drain().sends.get(peer)).toMatchObject([
    { kind: 'passed', id: 1, reply: { code: 'INTERNAL', outcome: 'indefinite' } },
  ]);
  expect(inspect(core).asked.size + inspect(core).waiting.size + inspect(core).waitingBytes).toBe(0);
  expect(lab.ask('n0', put(a, 'after'))?.kind).toBe('written');
});

test('an error in a message of a peer costs the slot at this node, which joins anew from nothing', () => {
  const lab = ready();
  const [head, tail] = [chainOf(lab, 0)[0] as string, chainOf(lab, 0)[2] as string];
  const { core } = lab.node(tail);
  const slot = 0;
  const { assignment, up } = inspect(core).replicas.get(slot as never) ?? {};
  const before = assignment?.members[1];
  if (before === undefined || up == null) throw new Error('no chain');
  const append = { kind: 'append', slot, version: assignment?.version, session: up.session };
  const message = poison({ ...append, entries: [] }, 'entries') as never;
  const event: NodeEvent = { kind: 'peer', from: before.node, incarnation: before.incarnation, message };
  core.handle(event, lab.now);
  // The other slot of this node never stops, and the chain goes on without it.
  expect(textOf(lab.ask(tail, getRequest(b)))).toBe('before');
  lab.until(() => lab.ask(head, put(a, 'meanwhile'))?.kind === 'written');
  // It comes back whole.
  lab.until(() => lab.allFull && chainOf(lab, 0).includes(tail));
  expect(inspect(core).replicas.get(slot as never)).toMatchObject({ broken: false, lost: '' });
  lab.until(() => lab.replies.size > 0 && lab.ask(tail, getRequest(a))?.kind === 'read');
  expect(textOf(lab.ask(tail, getRequest(a)))).toBe('meanwhile');
});

test('an error in a message of a coordinator costs that message', () => {
  const lab = ready();
  const { core } = lab.node('n1');
  const c = inspect(core).control;
  const set = {
    kind: 'set',
    clusterId: c.clusterId,
    epoch: c.epoch,
    reign: c.reign,
    revision: c.set.revision + 1000,
    page: 0,
    more: 0,
    incarnation: c.incarnation,
    routes: [],
  };
  const message = poison({ ...set, assignments: [] }, 'assignments') as never;
  core.handle({ kind: 'coordinator', from: 'c0:1', message }, lab.now);
  lab.run(100);
  lab.kill('n2');
  lab.until(() => lab.ask('n0', put(a, 'later'))?.kind === 'written');
});

test('a broken invariant is not contained', () => {
  const lab = ready();
  const broken = new InvariantBroken('nothing may go on');
  expect(() => lab.ask('n0', poison(put(a, 'x'), 'conditions', broken))).toThrow(broken);
});
