/** What a person who drains nodes hears of the copies that are left. */
import { expect, test } from 'vitest';
import { shellIn } from '../cli/shell.fixture.ts';
import { TestCluster } from './cluster.fixture.ts';

test('a drain that leaves single copies says so', async () => {
  const cluster = await TestCluster.make({ nodes: 3, replicationFactor: 2, slots: 2 });
  try {
    await cluster.startCoordinator('c1');
    for (const name of ['n1', 'n2', 'n3']) await cluster.startNode(name);
    await cluster.full();
    // An endpoint is a port of links; gRPC is expected one above.
    const endpoint = `127.0.0.1:${(cluster.nodes.get('n1')?.ports.grpc ?? 0) - 1}`;
    const shell = shellIn({ workingFolder: cluster.folder, env: { CHAIN_ENDPOINTS: endpoint } });
    const first = await shell(['drain', 'n3']);
    expect(first).toMatchObject({ code: 0, out: 'n3 is in no chain\n' });
    await cluster.full();
    const second = await shell(['drain', 'n2']);
    expect(second.err).toMatch(
      /warning: 2 of 2 chains have fewer copies than replicationFactor 2 wants now, the fewest 1; add nodes/,
    );
    expect(second.code).toBe(0);
  } finally {
    await cluster.end();
  }
});
