import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type CoordinatorView,
  chainsResting,
  httpCoordinatorViews,
  isEmptied,
  parseSaid,
} from './coordinator-view.ts';
import { chain, clusterWith, podOf, viewOf } from './fixtures.ts';

const cluster = clusterWith();
const view = viewOf(cluster);
const said = saying(view);

describe('parseSaid', () => {
  test('takes what the coordinator says, and leaves out what it does not know', () => {
    expect(parseSaid(JSON.parse(JSON.stringify({ ...said, extra: 1 })))).toEqual({
      name: view.leader,
      leading: true,
      view,
      lost: undefined,
      trouble: '',
    });
  });

  test('a coordinator whose state is lost says so; of other troubles the sentence is kept', () => {
    const trouble = { reason: 'StateLost', message: 'It is gone.', clusterId: 'id' };
    const lost = { coordinator: view.leader, message: 'It is gone.', clusterId: 'id' };
    expect(parseSaid({ ...said, leading: false, trouble })).toMatchObject({ leading: false, lost });
    expect(parseSaid({ ...said, trouble: { ...trouble, reason: 'Other' } })).toMatchObject({
      lost: undefined,
      trouble: 'It is gone.',
    });
    expect(parseSaid({ ...said, trouble: null }).lost).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ['leading', { ...said, leading: undefined }],
    ['epoch', { ...said, epoch: -1 }],
    ['chains', { ...said, chains: {} }],
    ['chains[0].full', { ...said, chains: [{ ...said.chains[0], full: 'yes' }] }],
    [
      'chains[0].members[0].state',
      { ...said, chains: [{ ...said.chains[0], members: [{ node: 'a', role: 'head' }] }] },
    ],
    ['nodes[0].draining', { ...said, nodes: [{ ...said.nodes[0], draining: null }] }],
    ['clusterId', { ...said, clusterId: 7 }],
    ['trouble.message', { ...said, trouble: { reason: 'StateLost', clusterId: '' } }],
    ['(the whole)', null],
  ])('names the field %s', (field, value) => {
    expect(() => parseSaid(value)).toThrow(`field ${field} is`);
  });
});

describe('asking the coordinators', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  /** Asks pods of which each answers as said; one of which nothing is said answers with an error. */
  function asking(byIp: Record<string, unknown>) {
    return httpCoordinatorViews(async (url) => {
      const answer = byIp[new URL(url).hostname];
      if (answer instanceof Error) throw answer;
      return { status: answer === undefined ? 503 : 200, text: JSON.stringify(answer) };
    });
  }
  const pods = [0, 1, 2].map((i) => {
    const pod = podOf(cluster, 'coordinator', i);
    return { ...pod, status: { ...pod.status, podIP: `10.0.0.${i}` } };
  });

  test('believes the one that names itself, at the highest epoch', async () => {
    const by = (ordinal: number, epoch: number) => ({ ...said, name: `demo-coordinator-${ordinal}`, epoch });
    const views = asking({
      '10.0.0.0': by(0, 4),
      '10.0.0.1': by(1, 5),
      '10.0.0.2': { ...by(2, 9), leading: false },
    });
    expect(await views.ask(pods)).toMatchObject({ is: 'known', view: { epoch: 5 } });
  });

  test('passes on that the state is lost, unless another leads', async () => {
    const trouble = { reason: 'StateLost', message: 'It is gone.', clusterId: 'id' };
    const orphan = { ...said, leading: false, name: 'demo-coordinator-1', trouble };
    const lost = { coordinator: 'demo-coordinator-1', message: 'It is gone.', clusterId: 'id' };
    const alone = asking({ '10.0.0.0': { ...said, leading: false }, '10.0.0.1': orphan });
    expect(await alone.ask(pods)).toEqual({ is: 'unknown', because: 'It is gone.', lost });
    const beside = asking({ '10.0.0.0': said, '10.0.0.1': orphan });
    expect(await beside.ask(pods)).toMatchObject({ is: 'known', view: { leader: 'demo-coordinator-0' } });
  });

  test('says why it does not know', async () => {
    const split = asking({ '10.0.0.0': { ...said, leading: false }, '10.0.0.1': new Error('refused') });
    expect(await split.ask(pods)).toEqual({
      is: 'unknown',
      because: 'no coordinator says that it leads',
    });
    const trouble = { reason: 'LeaseUnreadable', message: 'The lease is damaged.', clusterId: '' };
    const damaged = asking({ '10.0.0.0': { ...said, leading: false, trouble } });
    expect(await damaged.ask(pods)).toEqual({ is: 'unknown', because: 'The lease is damaged.' });
    const silent = asking({ '10.0.0.0': new Error('refused') });
    expect(await silent.ask(pods.slice(0, 1))).toEqual({
      is: 'unknown',
      because: 'no coordinator answers (refused)',
    });
    expect(await silent.ask([])).toMatchObject({ is: 'unknown' });
  });

  test('speaks HTTP to the admin port', async () => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(request.url ?? '');
      response.end(JSON.stringify(said));
    });
    servers.push(server);
    const listening = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(7412, '127.0.0.9', () => resolve(true));
    });
    expect(listening).toBe(true);
    const pod = { ...pods[0]!, status: { podIP: '127.0.0.9' } };
    expect(await httpCoordinatorViews().ask([pod])).toEqual({ is: 'known', view });
    expect(requests).toEqual(['/state']);
  });
});

/** A view as a coordinator words it (protocol/coordinator/contract.ts). */
function saying({ leader, epoch, clusterId, chains, nodes }: CoordinatorView) {
  const state = (serving: boolean) => (serving ? 'serving' : 'member');
  return {
    leading: true,
    name: leader,
    epoch,
    clusterId,
    chains: chains.map((chain) => ({
      ...chain,
      members: chain.members.map(({ node, role, serving }) => ({ node, role, state: state(serving) })),
    })),
    nodes: nodes.map(({ name, ...node }) => ({ ...node, node: name })),
  };
}

test('a chain rests on a node when no other member serves', () => {
  const joining = {
    ...chain(1, ['a', 'b'], false),
    members: [
      { node: 'a', role: 'head', serving: true },
      { node: 'b', role: 'tail', serving: false },
    ],
  };
  const chains = [chain(0, ['a', 'b']), joining, chain(2, ['b'], false)];
  expect(chainsResting({ ...view, chains }, 'a').map(({ slot }) => slot)).toEqual([1]);
});

test('a node is emptied when no chain names it and the coordinator has noted the drain', () => {
  const node = { name: 'x', status: 'healthy', chains: 0, admitted: true, draining: true };
  const at = (change: object) => isEmptied({ ...view, chains: [], nodes: [{ ...node, ...change }] }, 'x');
  expect([at({}), at({ draining: false }), at({ chains: 1 })]).toEqual([true, false, false]);
  expect(isEmptied({ ...view, nodes: [], chains: [chain(0, ['x'], false)] }, 'x')).toBe(false);
});
