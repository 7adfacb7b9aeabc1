import { expect, test } from 'vitest';
import { Lab } from '../testing/lab.ts';
import { putRequest } from '../testing/samples.ts';
import { key, nodeName } from '../words.ts';

const begun = (): Lab => {
  const lab = new Lab({ nodes: 3, slots: 1 });
  lab.until(() => lab.allFull);
  return lab;
};
const nodeOf = (lab: Lab, name: string) => lab.coordinator.view(lab.now).nodes.find((n) => n.node === name);
const chainOf = (lab: Lab) => lab.coordinator.view(lab.now).chains[0];

test('a full chain waits for nothing', () => {
  expect(chainOf(begun())?.waiting).toBe('');
});

test('a node that goes down again and again is held back, and the chain says for how long', () => {
  const lab = begun();
  for (let i = 0; i < 4; i++) {
    lab.kill('n2');
    lab.until(() => nodeOf(lab, 'n2')?.status === 'dead');
    expect(chainOf(lab)?.waiting).toBe('n2 is dead');
    lab.start(nodeName('n2'));
    lab.until(() => nodeOf(lab, 'n2')?.status !== 'dead');
  }
  lab.run(500);
  expect(nodeOf(lab, 'n2')).toMatchObject({
    status: 'flapping',
    why: expect.stringMatching(
      /^it went down 4 times within a minute: it gets no new replicas for [1-5]\d s/,
    ),
  });
  expect(chainOf(lab)?.waiting).toMatch(/^n2 is held back for [1-5]\d s: it went down 4 times/);
  lab.until(() => lab.allFull, 70_000);
  expect(chainOf(lab)?.waiting).toBe('');
  expect(nodeOf(lab, 'n2')?.why).toBe('');
});

test('a chain without a living member names those that hold its data', () => {
  const lab = begun();
  for (const name of ['n0', 'n1', 'n2']) lab.kill(name);
  lab.until(() => nodeOf(lab, 'n0')?.status === 'dead');
  expect(chainOf(lab)?.waiting).toMatch(
    /^n\d is dead.*n\d is dead.*n\d is dead; nobody else has what they hold$/,
  );
});

test('a head that was started anew sends nobody to itself', () => {
  const lab = new Lab({ nodes: 1, slots: 1, replicationFactor: 1 });
  lab.until(() => lab.allFull);
  lab.kill('n0');
  lab.start(nodeName('n0'));
  const replies = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const reply = lab.ask('n0', putRequest(key('k'), 'v'));
    replies.add(reply?.kind === 'failed' ? `${reply.code}: ${reply.message}` : 'written');
    lab.run(10);
  }
  expect([...replies].filter((each) => each.startsWith('NOT_HEAD'))).toEqual([]);
  expect(replies).toContain('written');
});
