/** The processes of a cluster, driven together: real sockets, real disks, real time, one process. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../client/index.ts';
import { ChainError } from '../protocol/errors.ts';
import { type Key, key, nodeName } from '../protocol/words.ts';
import { clusterService, keyValueService } from '../transport/grpc-api.ts';
import { openChannel } from '../transport/grpc-channel.ts';
import { TestCluster } from './cluster.fixture.ts';
import { RawClient } from './raw-client.ts';

const names = ['n1', 'n2', 'n3'];
const adminOf = (port: number, path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);

describe('three nodes and a coordinator', () => {
  let cluster: TestCluster;
  let client: RawClient;

  beforeAll(async () => {
    cluster = await TestCluster.make({ clusterId: 'mine' });
    await cluster.startCoordinator('c1');
    for (const name of names) await cluster.startNode(name);
    await cluster.full();
    client = new RawClient(cluster.addresses);
  });
  afterAll(async () => {
    client.close();
    await cluster.end();
  });

  test('what is written through the head is read at every member', async () => {
    for (let i = 0; i < 20; i++)
      expect(await client.put(`key ${i}`, `value ${i}`)).toMatchObject({ kind: 'written' });
    for (let i = 0; i < 20; i++)
      for (const name of names) expect(await client.get(`key ${i}`, nodeName(name))).toBe(`value ${i}`);
    expect(await client.get('never written')).toBeNull();
  });

  test('any node takes gRPC calls, for callers without a session too', async () => {
    for (const name of names) {
      const { call, close } = openChannel(`127.0.0.1:${port(name).grpc}`, keyValueService);
      const options = { deadlineMs: 10_000 };
      const k = key(`grpc ${name}`);
      const put = await call.put({ key: k, value: Buffer.from('one'), conditions: [], id: null }, options);
      expect(put).toMatchObject({ version: 1, replaced: null });
      const object = (await call.get({ key: k, level: 'strong', boundMs: 0, token: null }, options)).object;
      expect(Buffer.from(object?.value ?? []).toString()).toBe('one');
      expect(object).toMatchObject({ version: 1, revision: put.position.seq });
      const count = { key: key(`count ${name}`), delta: 5n, conditions: [], id: null };
      expect((await call.add(count, options)).value).toBe(5n);
      expect((await call.add(count, options)).value).toBe(10n);
      const onlyNew = [{ field: 'exists', operator: 'eq', value: 0 }] as const;
      const refused = call.put({ key: k, value: Buffer.from('two'), conditions: onlyNew, id: null }, options);
      await expect(refused).rejects.toMatchObject({ code: 'CONDITION_FAILED', outcome: 'definite' });
      await expect(
        call.get({ key: '' as Key, level: 'strong', boundMs: 0, token: null }, options),
      ).rejects.toMatchObject({ code: 'KEY_EMPTY' });
      await call.delete({ key: k, conditions: [], id: null }, options);
      expect(
        (await call.get({ key: k, level: 'strong', boundMs: 0, token: null }, options)).object,
      ).toBeNull();
      close();
    }
  });

  test('topology and status are told by nodes and by the coordinator', async () => {
    const coordinator = cluster.coordinators.get('c1');
    for (const grpc of [port('n1').grpc, coordinator?.ports.grpc ?? 0]) {
      const { call, close } = openChannel(`127.0.0.1:${grpc}`, clusterService);
      const topology = await call.topology({}, { deadlineMs: 10_000 });
      expect(topology.chains).toHaveLength(4);
      const status = await call.status({}, { deadlineMs: 10_000 });
      expect(status.nodes.map((n) => [n.node, n.health])).toEqual(names.map((n) => [n, 'healthy']));
      expect(status.chains.every((c) => c.serving === 3)).toBe(true);
      await expect(
        call.drain({ node: nodeName('nobody'), cancel: false }, { deadlineMs: 10_000 }),
      ).rejects.toMatchObject({
        code: 'BAD_REQUEST',
        message: expect.stringContaining('there is no node nobody'),
      });
      close();
    }
  });

  test('a node is alive, ready, and shows its figures and replicas', async () => {
    for (const path of ['/livez', '/readyz']) {
      const response = await adminOf(port('n1').admin, path);
      expect([response.status, await response.text()]).toEqual([200, 'ok\n']);
    }
    const metrics = await (await adminOf(port('n1').admin, '/metrics')).text();
    for (const line of [
      /^chain_node_requests_total\{op="get",code="OK"\} [1-9]/m,
      /^chain_node_request_seconds_bucket\{op="put",le="\+Inf"\} [1-9]/m,
      /^chain_node_write_seconds_count [1-9]/m,
      /^chain_node_admitted 1$/m,
      /^chain_node_peer_links_up 2$/m,
      /^chain_node_replicas\{role="head",serving="true"\} [1-9]/m,
    ])
      expect(metrics).toMatch(line);
    const state = (await (await adminOf(port('n1').admin, '/state')).json()) as {
      replicas: { serving: boolean }[];
    };
    expect(state).toMatchObject({ node: 'n1', registered: true, admitted: true, failed: '' });
    expect(state.replicas.map((r) => r.serving)).toEqual([true, true, true, true]);
  });

  test('a coordinator is alive, ready, shows what it decided, and takes orders', async () => {
    const { admin } = cluster.coordinators.get('c1')?.ports ?? { admin: 0 };
    for (const path of ['/livez', '/readyz']) expect((await adminOf(admin, path)).status).toBe(200);
    expect(await (await adminOf(admin, '/state')).json()).toMatchObject({ leading: true, name: 'c1' });
    const metrics = await (await adminOf(admin, '/metrics')).text();
    expect(metrics).toMatch(/^chain_coordinator_leading 1$/m);
    expect(metrics).toMatch(/^chain_coordinator_chains_full 4$/m);
    expect(metrics).toMatch(/^chain_coordinator_nodes\{status="healthy"\} 3$/m);
    const order = async (body: unknown) => {
      const response = await fetch(`http://127.0.0.1:${admin}/commands`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as { ok: boolean; message: string } };
    };
    expect(await order({ kind: 'undrain', node: 'n1' })).toMatchObject({ status: 200, body: { ok: true } });
    expect(await order({ kind: 'drain', node: 'nobody' })).toMatchObject({
      status: 409,
      body: { ok: false },
    });
    expect((await order({ kind: 'explode' })).status).toBe(400);
    expect((await order({ kind: 'override', node: 'n1' })).body.message).toContain('override needs "slot"');
  });

  test('limits that the manifest sets are held at every node', async () => {
    const long = 'k'.repeat(1025);
    await expect(client.get(long, nodeName('n1'))).rejects.toThrow('KEY_TOO_LONG');
  });

  test('one that dies is left out, writes go on, and it comes back', async () => {
    const victim = cluster.view().chains[0]?.members[0]?.node ?? 'n1';
    await cluster.kill(victim);
    for (let i = 0; i < 20; i++)
      expect(await client.put(`key ${i}`, `after ${i}`)).toMatchObject({ kind: 'written' });
    for (let i = 0; i < 20; i++) expect(await client.get(`key ${i}`)).toBe(`after ${i}`);
    await cluster.startNode(victim, { init: false });
    await cluster.full();
    for (let i = 0; i < 20; i++) expect(await client.get(`key ${i}`, nodeName(victim))).toBe(`after ${i}`);
  });

  test('one that is told to stop leaves its chains first, and no request fails', async () => {
    const going = cluster.view().chains[0]?.members[0]?.node ?? 'n1';
    let stopped = false;
    const failures: unknown[] = [];
    const load = async (mine: number): Promise<void> => {
      for (let i = 0; !stopped; i++) {
        const reply = await client.put(`load ${mine} ${i % 10}`, `${i}`);
        if (reply.kind === 'failed') failures.push(reply);
      }
    };
    const loads = [load(1), load(2), load(3)];
    const left = await cluster.nodes.get(going)?.stop();
    cluster.nodes.delete(going);
    stopped = true;
    await Promise.all(loads);
    expect(left).toBe(true);
    expect(failures).toEqual([]);
    // Nobody waits for its lease or takes it for dead.
    expect(cluster.view().chains.every((c) => c.members.every((m) => m.node !== going))).toBe(true);
    await cluster.startNode(going, { init: false });
    await cluster.full();
  });

  test('a second process in the same folder is refused in one sentence', async () => {
    const again = cluster.startNode('n9', { init: false, data: join(cluster.folder, 'n1') });
    await expect(again).rejects.toThrow(/is in use by another process/);
  });

  test('a port that is taken is refused in one sentence', async () => {
    const taken = cluster.coordinators.get('c1');
    await expect(cluster.startCoordinator('c2')).rejects.toThrow(
      `port ${taken?.ports.admin} of 127.0.0.1 is already in use`,
    );
  });

  test('a store of another cluster is told so and stays up, taken in by nobody and serving nobody', async () => {
    const other = await TestCluster.make({ nodes: 1, replicationFactor: 1, clusterId: 'other' });
    await other.startCoordinator('c1');
    await other.startNode('x');
    await other.full();
    const its = new RawClient(other.addresses);
    expect(await its.put('key', 'of the other cluster')).toMatchObject({ kind: 'written' });
    its.close();
    await other.kill('x');
    const data = join(other.folder, 'x');
    const { host, ports } = await cluster.startNode('x', { init: false, data });
    const view = () => host.core.view();
    await expect.poll(() => view().refusal, { timeout: 20_000 }).not.toBe('');
    expect(view().refusal).toMatch(/the store of x belongs to cluster other, this is mine/);
    expect(view().registered).toBe(false);
    expect(host.stopped).toBe(false);

    const { call, close } = openChannel(`127.0.0.1:${ports.grpc}`, keyValueService);
    const asked = call.get(
      { key: key('key'), level: 'strong', boundMs: 0, token: null },
      { deadlineMs: 5000 },
    );
    await expect(asked).rejects.toMatchObject({
      code: 'WRONG_CLUSTER',
      message: expect.stringMatching(
        /belongs to cluster other, its configuration names mine.*give x the data folder/,
      ),
    });
    close();
    expect(await (await adminOf(ports.admin, '/readyz')).text()).toMatch(/its configuration names mine/);
    // Clients find the others, whichever endpoint answers first, and whether they know which cluster they mean.
    const endpoints = [`127.0.0.1:${ports.link}`, ...cluster.addresses];
    for (const clusterId of ['', 'mine']) {
      const found = await connect({ endpoints, clusterId });
      await found.put('key', 'of this one');
      for (let i = 0; i < 6; i++) expect((await found.get('key')).value?.toString()).toBe('of this one');
      found.close();
    }
    await cluster.kill('x');
    await other.end();
  });

  test('a folder without a store is refused unless the node is meant to begin blank', async () => {
    const refused = cluster.startNode('n8', { init: false });
    await expect(refused).rejects.toThrow(/holds no store.*--init/);
    await expect(refused).rejects.not.toBeInstanceOf(ChainError);
  });

  function port(name: string) {
    const node = cluster.nodes.get(name);
    if (node === undefined) throw new Error(`${name} does not run`);
    return node.ports;
  }
});

describe('a fourth node', () => {
  let cluster: TestCluster;
  let client: RawClient;
  const value = (i: number): string => `${i} `.repeat(2000);

  beforeAll(async () => {
    cluster = await TestCluster.make({ nodes: 4 });
    await cluster.startCoordinator('c1');
    for (const name of [...names, 'n4']) await cluster.startNode(name);
    await cluster.full();
    client = new RawClient(cluster.addresses);
    for (let i = 0; i < 200; i++)
      expect(await client.put(`key ${i}`, value(i))).toMatchObject({ kind: 'written' });
  });
  afterAll(async () => {
    client.close();
    await cluster.end();
  });

  test('one that is drained hands its chains over, with all that they hold', async () => {
    const { call, close } = openChannel(`127.0.0.1:${cluster.nodes.get('n1')?.ports.grpc}`, clusterService);
    await call.drain({ node: nodeName('n2'), cancel: false }, { deadlineMs: 10_000 });
    await cluster.until('empty', (v) => v.nodes.find((n) => n.node === 'n2')?.chains === 0);
    await cluster.full();
    for (let i = 0; i < 200; i++) expect(await client.get(`key ${i}`)).toBe(value(i));
    await call.drain({ node: nodeName('n2'), cancel: true }, { deadlineMs: 10_000 });
    close();
    await cluster.until('in use again', (v) => (v.nodes.find((n) => n.node === 'n2')?.chains ?? 0) > 0);
    await cluster.full();
  });

  test('one that lost its disk comes back blank and is copied anew', async () => {
    const member = cluster.view().chains[0]?.members[2]?.node ?? 'n1';
    await cluster.kill(member);
    await rm(join(cluster.folder, member), { recursive: true });
    await cluster.startNode(member);
    await cluster.full();
    const slots = cluster.view().chains.filter((c) => c.members.some((m) => m.node === member));
    expect(slots.length).toBeGreaterThan(0);
    for (let i = 0; i < 200; i++) expect(await client.get(`key ${i}`)).toBe(value(i));
  });
});

describe('everything at once', () => {
  test('all processes are killed: what was acknowledged is there again', async () => {
    const cluster = await TestCluster.make({ slots: 2 });
    await cluster.startCoordinator('c1');
    for (const name of names) await cluster.startNode(name);
    await cluster.full();
    const before = new RawClient(cluster.addresses);
    for (let i = 0; i < 30; i++)
      expect(await before.put(`key ${i}`, `${i}`)).toMatchObject({ kind: 'written' });
    before.close();
    for (const name of names) await cluster.kill(name);
    await cluster.coordinators.get('c1')?.kill();
    cluster.coordinators.clear();

    await cluster.startCoordinator('c1');
    for (const name of names) await cluster.startNode(name, { init: false });
    await cluster.full();
    const after = new RawClient(cluster.addresses);
    for (let i = 0; i < 30; i++) expect(await after.get(`key ${i}`)).toBe(`${i}`);
    expect(await after.put('key 0', 'again')).toMatchObject({ kind: 'written' });
    after.close();
    await cluster.end();
  });

  test('the leader resigns: another coordinator leads, and reads and writes never stop', async () => {
    const cluster = await TestCluster.make({ slots: 2 }, 2);
    const [first, second] = cluster.coordinatorAddresses;
    await cluster.startCoordinator('c1', first);
    for (const name of names) await cluster.startNode(name);
    await cluster.full();
    await cluster.startCoordinator('c2', second);
    const client = new RawClient(cluster.addresses);
    const epoch = cluster.view().epoch;
    await cluster.coordinators.get('c1')?.stop();
    cluster.coordinators.delete('c1');
    expect(await client.put('key', 'without a leader')).toMatchObject({ kind: 'written' });
    await cluster.until('led by c2', (v) => v.leading && v.name === 'c2' && v.epoch > epoch);
    await cluster.full();
    expect(await client.get('key')).toBe('without a leader');
    client.close();
    await cluster.end();
  });
});
