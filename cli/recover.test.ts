import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { identityOf } from '../local/process-identity.ts';
import { shellIn } from './shell.fixture.ts';

const shell = shellIn({ workingFolder: tmpdir(), env: { CHAIN_DATA_DIR: 'no-such-folder' } });
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((closed) => server.close(closed));
});

/** The admin server of a coordinator that says this about itself; the orders that it gets are kept. */
async function coordinator(
  view: object,
  answersOrders = true,
): Promise<{ address: string; orders: unknown[] }> {
  const orders: unknown[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      if (request.method === 'POST') orders.push(JSON.parse(body));
      if (request.method === 'POST' && !answersOrders) return;
      response.end(JSON.stringify(request.method === 'POST' ? { ok: true, message: 'state rebuilt' } : view));
    });
  });
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, orders };
}

const lost = { reason: 'StateLost', message: 'the state was lost', clusterId: 'id-of-the-nodes' };

test('recover takes the id that the nodes tell the coordinator', async () => {
  const { address, orders } = await coordinator({ leading: false, leader: address0, trouble: lost });
  const ran = await shell(['recover', '--yes', '--coordinator', address]);
  expect(ran).toMatchObject({ code: 0, out: 'state rebuilt\n' });
  expect(orders).toEqual([{ kind: 'recover', clusterId: 'id-of-the-nodes', giveUp: [], giveUpSlots: [] }]);
});

test('an order that is not answered may have taken effect, and recover says so', async () => {
  const { address, orders } = await coordinator({ leading: false, leader: address0, trouble: lost }, false);
  const ran = await shell(['recover', '--yes', '--timeout', '500ms', '--coordinator', address]);
  expect(orders).toHaveLength(1);
  expect(ran).toMatchObject({
    code: 4,
    err: expect.stringMatching(/did not answer the order: .*may have taken effect.*chainctl status/),
  });
});

test('what is given up is named in the order, nodes and slots', async () => {
  const { address, orders } = await coordinator({ leading: false, leader: address0, trouble: lost });
  const flags = ['--give-up', 'n1, n2', '--give-up-slots', '3,7', '--yes', '--coordinator', address];
  expect(await shell(['recover', ...flags])).toMatchObject({ code: 0 });
  expect(orders).toMatchObject([{ giveUp: ['n1', 'n2'], giveUpSlots: [3, 7] }]);
  const wrong = await shell(['recover', '--give-up-slots', 'all', '--yes', '--coordinator', address]);
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('takes numbers of slots, not all') });
  expect(orders).toHaveLength(1);
});

test('of the coordinators that run here, recover asks the one that misses its state', async () => {
  const [standBy, orphan] = [
    await coordinator({ leading: false, leader: address0, trouble: null }),
    await coordinator({ leading: false, leader: address0, trouble: lost }),
  ];
  const dataDir = await mkdtemp(join(tmpdir(), 'recover-'));
  const processes = [standBy, orphan].map(({ address }, i) => ({
    name: `coordinator-${i + 1}`,
    role: 'coordinator',
    address: address0,
    admin: address,
    identity: null,
  }));
  await writeFile(
    join(dataDir, 'runner.json'),
    JSON.stringify({ runner: identityOf(process.pid), ready: true, endpoints: [address0], processes }),
  );
  const here = shellIn({ workingFolder: tmpdir(), env: { CHAIN_DATA_DIR: dataDir } });
  expect(await here(['recover', '--yes'])).toMatchObject({ code: 0, out: 'state rebuilt\n' });
  expect([standBy.orders, orphan.orders.length]).toEqual([[], 1]);
});

const address0 = 'demo-coordinator-0.svc:7410';

test.each([
  [{ leading: true, leader: address0, trouble: null }, 'it leads, and has its state'],
  [{ leading: false, leader: address0, trouble: null }, `whose links are at ${address0}`],
  [{ leading: false, leader: '', trouble: null }, 'no coordinator holds the lease now'],
  [
    { leading: false, leader: '', trouble: { ...lost, reason: 'LeaseUnreadable', message: 'remove it' } },
    'recover does not help: remove it',
  ],
  [{ leading: false, leader: '', trouble: { ...lost, clusterId: '' } }, 'start the nodes first'],
])('where nothing can be recovered it orders nothing and says why: %j', async (view, why) => {
  const { address, orders } = await coordinator(view);
  const ran = await shell(['recover', '--yes', '--coordinator', address]);
  expect(ran).toMatchObject({ code: 1, out: '', err: expect.stringContaining(why) });
  expect(orders).toEqual([]);
});
