import { expect, test } from 'vitest';
import type { Request } from '../requests.ts';
import { Lab } from '../testing/lab.ts';
import { getRequest, putRequest } from '../testing/samples.ts';
import { clientId, key, nodeName, slot } from '../words.ts';
import { NodeCore } from './node.ts';

const lab = new Lab({ nodes: 1, slots: 1, replicationFactor: 1 });
lab.until(() => lab.allFull);
const { disk } = lab.node('n0');
lab.ask('n0', putRequest(key('k'), 'v'));
lab.run(100);

/** A process on that store, which no coordinator has heard yet. */
function started(configured: string): NodeCore {
  const core = new NodeCore(
    {
      name: nodeName('n0'),
      clusterId: configured,
      place: { address: 'n0:1', grpc: '', admin: '', zone: '', host: '', weight: 1 },
      slots: 1,
      timings: lab.desired.timings,
      coordinators: ['c0:1'],
      ownClient: clientId(99),
      lockProof: true,
    },
    disk.boot('store-n0'),
    lab.now,
  );
  return core;
}

/** Its answer, with whatever it reads of its store. */
function answer(core: NodeCore, request: Request) {
  core.handle({ kind: 'request', tag: 1, request }, lab.now);
  for (let turn = 0; turn < 5; turn++) {
    const { replies, fetches } = core.drain();
    if (replies[0] !== undefined) return replies[0].reply;
    for (const { id, slot: of, key: k } of fetches)
      core.handle({ kind: 'fetched', id, entry: disk.fetch(of, k) }, lab.now);
  }
  return undefined;
}

test.each(['', 'lab'])(
  'a process that nobody took in yet is a member of nothing, and tells its routes (configured: "%s")',
  (id) => {
    const core = started(id);
    for (const level of ['strong', 'eventual', 'session'] as const)
      expect(answer(core, getRequest(key('k'), { level }))).toMatchObject({
        kind: 'failed',
        code: 'NOT_READY',
      });
    expect(answer(core, putRequest(key('k'), 'w'))).toMatchObject({ kind: 'failed', code: 'NOT_READY' });
    expect(core.servedClusterId).toBe('lab');
  },
);

test('a store of another cluster than the configured one serves nobody', () => {
  const core = started('mine');
  for (const request of [
    getRequest(key('k')),
    { ...getRequest(key('k')), level: 'eventual' as const },
    putRequest(key('k'), 'w'),
  ]) {
    const reply = answer(core, request);
    expect(reply).toMatchObject({ kind: 'failed', code: 'WRONG_CLUSTER', outcome: 'definite' });
    expect(reply).toMatchObject({
      message: expect.stringMatching(/n0 belongs to cluster lab, .* names mine.*; give n0/),
    });
  }
  core.handle({ kind: 'list', tag: 2, slot: slot(0), after: null, maxBytes: 1000 }, lab.now);
  expect(core.drain().pages).toMatchObject([{ tag: 2, page: { code: 'WRONG_CLUSTER' } }]);
  expect(core.routes().chains).toEqual([]);
  expect(core.servedClusterId).toBe('');
  expect(core.view().foreign).toMatch(/names mine/);
});

test('it serves when a coordinator takes it in: a resource that was made anew has another id than its stores', () => {
  lab.kill('n0');
  const core = started('made anew');
  lab.nodes.set(nodeName('n0'), { name: nodeName('n0'), core, disk, up: true, stalled: false });
  core.handle({ kind: 'coordinatorLink', to: 'c0:1', up: true }, lab.now);
  lab.until(() => core.view().registered && lab.allFull);
  lab.until(() => lab.ask('n0', getRequest(key('k')))?.kind === 'read');
  expect(core.servedClusterId).toBe('lab');
  expect(core.routes().chains.length).toBe(1);
});
