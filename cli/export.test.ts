/** An export of a cluster in which records are lost: it goes on, says what it lacks, and does not end as if all were there. */
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { entryOf, routesOver, startFakeNode } from '../client/fake-node.ts';
import { shellIn } from './shell.fixture.ts';

type Key = Parameters<typeof entryOf>[0];

test('keys of which no member has a sound record are named, and the exit code is not 0', async () => {
  const node = await startFakeNode('a');
  try {
    node.routes = routesOver([node]);
    const values = ['a1', 'b2'].map((k) => entryOf(k as Key, Buffer.from(`value of ${k}`)).bytes);
    const damaged = ['a2', 'b1'] as Key[];
    const { list } = node;
    node.list = (asked) => ({ ...list(asked), values, damaged }) as ReturnType<typeof list>;
    const shell = shellIn({ workingFolder: tmpdir(), env: { CHAIN_ENDPOINTS: node.address } });
    const all = await shell(['export']);
    expect(all).toMatchObject({ code: 1, out: expect.stringMatching(/a1[\s\S]*b2/) });
    expect(all.err).toMatch(/a2[\s\S]*b1[\s\S]*exported 2 records[\s\S]*2 keys are not in the export/);
    const some = await shell(['export', '--prefix', 'a']);
    expect(some).toMatchObject({
      code: 1,
      err: expect.stringMatching(/a2[\s\S]*1 keys are not in the export/),
    });
    const none = await shell(['export', '--prefix', 'c']);
    expect(none).toMatchObject({ code: 0, out: '' });
  } finally {
    await node.stop();
  }
});
