import { expect, test } from 'vitest';
import { slotOf } from '../slots.ts';
import { Lab } from '../testing/lab.ts';
import { putRequest } from '../testing/samples.ts';
import { type Key, key } from '../words.ts';

const slots = 4;
const keys = Array.from({ length: 40 }, (_, i) => key(`key ${i}`));

function filled(): Lab {
  const lab = new Lab({ nodes: 3, slots });
  lab.until(() => lab.allFull);
  const chains = lab.coordinator.view(lab.now).chains;
  for (const k of keys) {
    const head = chains[slotOf(k, slots)]?.members[0]?.node ?? '';
    const reply = lab.ask(head, putRequest(k, `value of ${k}`));
    expect(reply?.kind).toBe('written');
  }
  lab.run(500);
  return lab;
}

const rottenOf = (lab: Lab, node: string): Key[] =>
  [...lab.node(node).disk.slots.values()].flatMap((s) => [...s.rotten]);

function rot(lab: Lab, node: string, which: readonly Key[]): void {
  for (const k of which)
    lab
      .node(node)
      .disk.slot(slotOf(k, slots) as never)
      .rotten.add(k);
}

test('a scrub reads every record, and repairs those that nobody asked for', () => {
  const lab = filled();
  // More of one slot than are repaired at once.
  rot(lab, 'n1', keys);
  lab.node('n1').core.handle({ kind: 'scrub' }, lab.now);
  lab.run(10_000);
  expect(rottenOf(lab, 'n1')).toEqual([]);
  const { scrub } = lab.node('n1').core.view();
  expect(scrub).toMatchObject({ records: keys.length, passes: 1, slotsLeft: 0 });
  expect(scrub.damaged).toBeGreaterThan(0);
  expect(scrub).toMatchObject({ repaired: scrub.damaged, repairing: 0, nowhere: 0 });
  expect(scrub.lastPassAt).toBeGreaterThan(0);
});

test('one that finds nothing repairs nothing, and the next pass waits for its time', () => {
  const lab = filled();
  lab.node('n0').core.handle({ kind: 'scrub' }, lab.now);
  lab.run(10_000);
  expect(lab.node('n0').core.view().scrub).toMatchObject({ records: keys.length, damaged: 0, passes: 1 });
  lab.run(5000);
  expect(lab.node('n0').core.view().scrub.passes).toBe(1);
});

test('a record that no member has any more does not stop it', () => {
  const lab = filled();
  for (const node of ['n0', 'n1', 'n2']) rot(lab, node, keys.slice(0, 1));
  lab.node('n0').core.handle({ kind: 'scrub' }, lab.now);
  lab.run(30_000);
  expect(lab.node('n0').core.view().scrub).toMatchObject({ records: keys.length, damaged: 1, passes: 1 });
  expect(lab.node('n0').core.view().scrub).toMatchObject({ repaired: 0, nowhere: 1 });
});
