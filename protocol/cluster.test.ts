import { describe, expect, test } from 'vitest';
import { inspect } from './node/inspect.ts';
import type { Condition, ReadRequest, WriteRequest } from './requests.ts';
import { Lab, textOf } from './testing/lab.ts';
import { getRequest, putRequest } from './testing/samples.ts';
import { key, nodeName } from './words.ts';

const write = (
  op: WriteRequest['op'],
  k: string,
  value = '',
  more: Partial<WriteRequest> = {},
): WriteRequest => putRequest(key(k), value, { op, passOn: true, ...more });
const get = (k: string, more: Partial<ReadRequest> = {}): ReadRequest =>
  getRequest(key(k), { passOn: true, ...more });
const when = (field: Condition['field'], operator: Condition['operator'], value: number): Condition => ({
  field,
  operator,
  value,
});

function ready(options: ConstructorParameters<typeof Lab>[0]): Lab {
  const lab = new Lab(options);
  lab.until(() => lab.allFull);
  return lab;
}

describe('a cluster of three', () => {
  test('forms its chains and answers at every node', () => {
    const lab = ready({ nodes: 3 });
    for (let i = 0; i < 40; i++)
      expect(lab.ask(`n${i % 3}`, write('put', `k${i}`, `v${i}`))?.kind).toBe('written');
    for (let i = 0; i < 40; i++)
      for (const n of ['n0', 'n1', 'n2'])
        expect(textOf(lab.ask(n, get(`k${i}`, { passOn: false })))).toBe(`v${i}`);
  });

  test('counts object versions, keeps created, begins anew after a delete', () => {
    const lab = ready({ nodes: 3 });
    expect(lab.ask('n0', write('put', 'a', '1'))).toMatchObject({ objectVersion: 1, replaced: null });
    expect(lab.ask('n1', write('put', 'a', '2'))).toMatchObject({ objectVersion: 2 });
    expect(lab.ask('n2', write('delete', 'a'))).toMatchObject({ kind: 'written', replaced: { seq: 2 } });
    expect(textOf(lab.ask('n0', get('a')))).toBe(null);
    expect(lab.ask('n2', write('delete', 'a'))).toMatchObject({ kind: 'written', replaced: null });
    expect(lab.ask('n0', write('put', 'a', '3'))).toMatchObject({ objectVersion: 1, replaced: null });
  });

  test('evaluates conditions, all of them, and says what it saw', () => {
    const lab = ready({ nodes: 3 });
    const only = (...conditions: Condition[]) => lab.ask('n1', write('put', 'c', 'x', { conditions }));
    expect(only(when('exists', 'eq', 1))).toMatchObject({
      code: 'CONDITION_FAILED',
      seen: { position: null },
    });
    expect(only(when('exists', 'eq', 0))).toMatchObject({ kind: 'written', objectVersion: 1 });
    expect(only(when('version', 'eq', 1), when('revision', 'gt', 5))).toMatchObject({
      code: 'CONDITION_FAILED',
      seen: { objectVersion: 1 },
    });
    expect(only(when('version', 'le', 1), when('updated', 'gt', 0))).toMatchObject({
      kind: 'written',
      objectVersion: 2,
    });
  });

  test('adds to counters and refuses what is none', () => {
    const lab = ready({ nodes: 3 });
    const add = (k: string, delta: bigint) => lab.ask('n0', write('add', k, '', { delta }));
    expect(new TextDecoder().decode((add('n', 5n) as { value: Uint8Array }).value)).toBe('5');
    expect(new TextDecoder().decode((add('n', -7n) as { value: Uint8Array }).value)).toBe('-2');
    lab.ask('n0', write('put', 'text', 'abc'));
    expect(add('text', 1n)).toMatchObject({ code: 'NOT_A_COUNTER', outcome: 'definite' });
    lab.ask('n0', write('put', 'big', '9223372036854775807'));
    expect(add('big', 1n)).toMatchObject({ code: 'COUNTER_OVERFLOW' });
  });

  test('executes a retried request once', () => {
    const lab = ready({ nodes: 3 });
    const q = write('add', 'once', '', { delta: 1n });
    const first = lab.ask('n0', q);
    expect(lab.ask('n1', { ...q, retry: true })).toMatchObject({
      position: (first as { position: object }).position,
    });
    expect(textOf(lab.ask('n2', get('once')))).toBe('1');
  });

  test.each(['n0', 'n1', 'n2'])('goes on without %s and takes it back by delta', (victim) => {
    const lab = ready({ nodes: 3, slots: 8 });
    for (let i = 0; i < 30; i++) lab.ask('n0', write('put', `k${i}`, `v${i}`));
    lab.kill(victim);
    const others = ['n0', 'n1', 'n2'].filter((n) => n !== victim) as [string, string];
    lab.until(() =>
      lab.coordinator
        .view(lab.now)
        .chains.every((c) => c.members.every((m) => m.node !== victim && m.state === 'serving')),
    );
    for (let i = 0; i < 30; i++)
      expect(lab.ask(others[i % 2] as string, write('put', `k${i}`, `w${i}`))?.kind).toBe('written');
    for (let i = 0; i < 30; i++)
      expect(textOf(lab.ask(others[0], get(`k${i}`, { passOn: false })))).toBe(`w${i}`);
    lab.start(lab.node(victim).name);
    lab.until(() => lab.allFull);
    for (let i = 0; i < 30; i++)
      expect(textOf(lab.ask(victim, get(`k${i}`, { passOn: false })))).toBe(`w${i}`);
    expect([...inspect(lab.node(victim).core).replicas.values()].every((r) => r.log.start.seq === 0)).toBe(
      true,
    );
  });

  test('restarts as a whole and forgets nothing', () => {
    const lab = ready({ nodes: 3 });
    for (let i = 0; i < 20; i++) lab.ask('n0', write('put', `k${i}`, `v${i}`));
    for (const n of ['n0', 'n1', 'n2']) lab.kill(n);
    lab.run(5000);
    for (const n of ['n2', 'n0', 'n1']) lab.start(lab.node(n).name);
    lab.until(() => lab.allFull);
    for (let i = 0; i < 20; i++) expect(textOf(lab.ask('n1', get(`k${i}`, { passOn: false })))).toBe(`v${i}`);
  });

  test('lets a node leave in order', () => {
    const lab = ready({ nodes: 3 });
    lab.ask('n0', write('put', 'a', '1'));
    lab.node('n1').core.handle({ kind: 'leave' }, lab.now);
    lab.until(() => lab.node('n1').core.left);
    lab.run(50);
    lab.kill('n1');
    expect(textOf(lab.ask('n2', get('a', { passOn: false })))).toBe('1');
    expect(lab.ask('n2', write('put', 'a', '2'))?.kind).toBe('written');
  });

  test('strong reads and writes go on without a coordinator, through the barrier', () => {
    const lab = ready({ nodes: 3 });
    lab.ask('n0', write('put', 'a', '1'));
    lab.coordinator.handle({ kind: 'resign' }, lab.now);
    lab.run(3000);
    expect(lab.ask('n1', write('put', 'a', '2'))?.kind).toBe('written');
    for (const n of ['n0', 'n1', 'n2']) expect(textOf(lab.ask(n, get('a', { passOn: false })))).toBe('2');
  });
});

describe('a cluster of five', () => {
  test('grows back to full length elsewhere, by snapshot, while writes go on', () => {
    const lab = ready({ nodes: 5, slots: 8 });
    for (let i = 0; i < 40; i++) lab.ask('n0', write('put', `k${i}`, `v${i}`));
    lab.ask('n0', write('delete', 'k3'));
    lab.kill('n1');
    lab.run(11_500);
    for (let i = 0; i < 20; i++) {
      lab.run(10);
      expect(lab.ask('n2', write('put', `k${i}`, `w${i}`))?.kind).toBe('written');
    }
    lab.until(() => lab.allFull, 60_000);
    for (let i = 0; i < 40; i++) expect(textOf(lab.ask('n4', get(`k${i}`)))).toBe(i < 20 ? `w${i}` : `v${i}`);
  });

  test('empties a node that is drained and keeps every chain at full length', () => {
    const lab = ready({ nodes: 5, slots: 8 });
    for (let i = 0; i < 20; i++) lab.ask('n0', write('put', `k${i}`, `v${i}`));
    lab.coordinator.handle(
      { kind: 'command', tag: 1, command: { kind: 'drain', node: lab.node('n2').name } },
      lab.now,
    );
    const view = () => lab.coordinator.view(lab.now);
    lab.until(() => view().chains.every((c) => c.full && c.members.every((m) => m.node !== 'n2')), 60_000);
    for (let i = 0; i < 20; i++) expect(textOf(lab.ask('n3', get(`k${i}`)))).toBe(`v${i}`);
  });
});

test('chains of which a node has more than a heartbeat can report form, and are taken back after a restart', () => {
  const lab = ready({ nodes: 3, slots: 1300 });
  lab.kill('n1');
  lab.start(nodeName('n1'));
  lab.until(() => lab.allFull && lab.coordinator.view(lab.now).chains.every((c) => c.version > 1));
  expect(lab.ask('n1', write('put', 'a', '1'))?.kind).toBe('written');
});
