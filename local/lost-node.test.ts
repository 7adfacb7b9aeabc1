/** A local cluster of which one node's folder was removed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connect } from '../client/index.ts';
import { parseManifest } from '../manifest/parse.ts';
import { type LocalCluster, startCluster } from './cluster.ts';
import { letBeginBlank } from './folder.ts';
import { layOut } from './layout.ts';

const patience = { timeout: 90_000, interval: 200 };
const portsFrom = 23_000 + (process.pid % 300) * 30;

test('it starts without that node, and fills it again when it may begin blank', {
  timeout: 240_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'chaincluster-lost-'));
  const said: string[] = [];
  const start = (): Promise<LocalCluster> => {
    const { cluster } = parseManifest(
      `
apiVersion: chaincluster.dev/v1alpha1
kind: ChainCluster
metadata: {name: lost}
spec:
  nodes: 3
  slots: 8
  local: {basePort: ${portsFrom}, dataDir: ${JSON.stringify(dataDir)}}
`,
      'lost.yaml',
    );
    const report = { say: (line: string) => said.push(line), progress: () => {} };
    return startCluster({ cluster, layout: layOut(cluster, 'lost.yaml', dataDir), report });
  };
  let running = await start();
  try {
    await withClient(running, (client) => client.put('greeting', 'hello'));
    await running.stop();
    await rm(join(dataDir, 'nodes', 'node-2'), { recursive: true });

    running = await start();
    const node2 = running.layout.nodes[1];
    if (node2 === undefined) throw new Error('there are three nodes');
    await withClient(running, async (client) => {
      expect(await client.get('greeting')).toMatchObject({ found: true, value: Buffer.from('hello') });
      await client.put('greeting', 'without it');
    });
    const about = said.filter((line) => line.startsWith('node-2'));
    expect(about).toHaveLength(1);
    expect(about[0]).toMatch(/holds no store.*npx chainctl local blank node-2/);

    await letBeginBlank(dataDir, 'node-2');
    await expect.poll(() => isAdmitted(node2.ports.admin), patience).toBe(true);
    await withClient(running, async (client) =>
      expect(await client.get('greeting', { node: 'node-2' })).toMatchObject({
        value: Buffer.from('without it'),
      }),
    );
  } finally {
    await running.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
});

async function withClient(
  { endpoints }: LocalCluster,
  work: (client: Awaited<ReturnType<typeof connect>>) => Promise<unknown>,
): Promise<void> {
  const client = await connect({ endpoints });
  try {
    await work(client);
  } finally {
    client.close();
  }
}

const isAdmitted = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
