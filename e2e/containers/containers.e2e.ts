/** The image by itself, without Kubernetes: a coordinator and three storage nodes as containers of one Docker engine. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  GenericContainer,
  getContainerRuntimeClient,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';
import { expect } from 'vitest';
import { settings } from '../harness/settings.ts';
import { story } from '../harness/story.ts';

const names = ['node-0', 'node-1', 'node-2'] as const;
const records = 500;

story(
  'three nodes and a coordinator as containers: one is killed, all is read back',
  { short: true, missing: settings.image === '' ? 'there is no image' : undefined, seconds: 400 },
  async ({ note, after }) => {
    // Its helper that cleans up behind a crashed test would have to come from a registry.
    process.env.TESTCONTAINERS_RYUK_DISABLED = 'true';
    const folder = await mkdtemp(join(tmpdir(), 'chaincluster-containers-'));
    after(() => rm(folder, { recursive: true, force: true }));
    const network = await new Network().start();
    after(() => network.stop());

    const coordinator = await startCoordinator(folder, network);
    after(() => coordinator.stop());
    const nodes = await Promise.all(names.map((name) => startNode(name, folder, network)));
    for (const node of nodes) after(() => node.stop());
    await ready([0, 1, 2], nodes);

    const [first, second] = nodes as [StartedTestContainer, StartedTestContainer];
    const lines = Array.from({ length: records }, (_, n) => JSON.stringify({ id: n, name: `record ${n}` }));
    await writeFile(join(folder, 'records.jsonl'), lines.join('\n'));
    await chainctl(first, 'import', '/config/records.jsonl', '--key', 'record/{id}', '--value', 'name');

    const began = performance.now();
    const engine = await getContainerRuntimeClient();
    await engine.container.getById(second.getId()).kill({ signal: 'SIGKILL' });
    // The next write to any chain waits until it goes on without the killed node.
    await chainctl(first, 'put', 'after', 'the kill', '--timeout', '30s');
    note('a write after the kill took', `${((performance.now() - began) / 1000).toFixed(1)} s`);
    expect(await exported(first)).toEqual(expectedRecords());

    await second.restart();
    await ready([1], [second]);
    expect(await exported(second)).toEqual(expectedRecords());
    note('records', records);
  },
);

function container(folder: string, network: StartedNetwork, name: string): GenericContainer {
  return new GenericContainer(settings.image)
    .withNetwork(network)
    .withNetworkAliases(name)
    .withUser('65532:65532')
    .withDroppedCapabilities('ALL')
    .withSecurityOpt('no-new-privileges')
    .withStartupTimeout(120_000)
    .withBindMounts([
      { source: folder, target: '/config', mode: 'ro' },
      { source: join(folder, name), target: '/data', mode: 'rw' },
    ]);
}

async function startCoordinator(folder: string, network: StartedNetwork): Promise<StartedTestContainer> {
  await chmod(folder, 0o755);
  for (const name of ['coordinator', ...names]) {
    await mkdir(join(folder, name));
    // The container's user is nobody of this machine.
    await chmod(join(folder, name), 0o777);
  }
  const config = {
    cluster: 'containers',
    clusterId: 'containers',
    slots: 8,
    nodes: 3,
    coordinators: ['coordinator:7410'],
    stateStore: { kind: 'disk', path: '/data' },
  };
  await writeFile(join(folder, 'cluster.json'), JSON.stringify(config));
  return container(folder, network, 'coordinator')
    .withCommand(['coordinator/main.ts', '--config', '/config/cluster.json', '--name', 'coordinator'])
    .withExposedPorts(7412)
    .withWaitStrategy(Wait.forHttp('/livez', 7412))
    .start();
}

function startNode(name: string, folder: string, network: StartedNetwork): Promise<StartedTestContainer> {
  return container(folder, network, name)
    .withCommand([
      ...['node/main.ts', '--config', '/config/cluster.json', '--data', '/data'],
      ...['--name', name, '--advertise', name, '--init'],
    ])
    .withExposedPorts(7402)
    .withWaitStrategy(Wait.forHttp('/livez', 7402))
    .start();
}

/** Waits until nodes are full members of their chains. */
async function ready(which: readonly number[], nodes: readonly StartedTestContainer[]): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    const url = `http://${node.getHost()}:${node.getMappedPort(7402)}/readyz`;
    const deadline = performance.now() + 120_000;
    for (;;) {
      const said = await fetch(url).then(
        async (response) => (response.ok ? '' : await response.text()),
        (error: Error) => error.message,
      );
      if (said === '') break;
      if (performance.now() > deadline) throw new Error(`${names[which[index] ?? 0]} is not ready: ${said}`);
      await new Promise((resume) => setTimeout(resume, 300));
    }
  }
}

async function chainctl(node: StartedTestContainer, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await node.exec(['chainctl', ...args]);
  if (exitCode !== 0) throw new Error(`chainctl ${args.join(' ')}: exit ${exitCode}: ${stderr}`);
  return stdout;
}

async function exported(node: StartedTestContainer): Promise<string[]> {
  const lines = (await chainctl(node, 'export')).trim().split('\n');
  return lines.filter((line) => line.includes('record/')).sort();
}

function expectedRecords(): string[] {
  return Array.from({ length: records }, (_, n) =>
    JSON.stringify({ key: `record/${n}`, value: `record ${n}` }),
  ).sort();
}
