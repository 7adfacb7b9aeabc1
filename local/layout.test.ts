import { describe, expect, test } from 'vitest';
import { parseManifest } from '../manifest/parse.ts';
import { argumentsOf, configOf, layOut } from './layout.ts';

function layout(spec: string) {
  const { cluster } = parseManifest(
    `apiVersion: chaincluster.dev/v1alpha1\nkind: ChainCluster\nmetadata: {name: demo}\nspec: ${spec}\n`,
    'demo.yaml',
  );
  return { cluster, layout: layOut(cluster, 'demo.yaml', '/home/me') };
}

describe('a cluster on one machine', () => {
  const { cluster, layout: demo } = layout(
    '{nodes: 4, coordinators: 3, local: {basePort: 8000, dataDir: data}}',
  );

  test('has ten ports for each process, nodes first', () => {
    expect(demo.nodes.map(({ name, ports }) => [name, ports])).toEqual([
      ['node-1', { link: 8000, grpc: 8001, admin: 8002 }],
      ['node-2', { link: 8010, grpc: 8011, admin: 8012 }],
      ['node-3', { link: 8020, grpc: 8021, admin: 8022 }],
      ['node-4', { link: 8030, grpc: 8031, admin: 8032 }],
    ]);
    expect(demo.coordinators.map(({ address }) => address)).toEqual([
      '127.0.0.1:8040',
      '127.0.0.1:8050',
      '127.0.0.1:8060',
    ]);
  });

  test('keeps everything in one folder', () => {
    expect(demo.dataDir).toBe('/home/me/data');
    const folders = [...demo.nodes, ...demo.coordinators].flatMap(({ folder, logFile }) => [folder, logFile]);
    expect(folders.every((path) => path.startsWith('/home/me/data/'))).toBe(true);
    expect(new Set(demo.nodes.map(({ folder }) => folder)).size).toBe(4);
  });

  test('has one configuration for all processes', () => {
    expect(JSON.parse(configOf(cluster, demo, 'some-id'))).toMatchObject({
      cluster: 'demo',
      clusterId: 'some-id',
      slots: 64,
      nodes: 4,
      durability: 'fsync',
      coordinators: ['127.0.0.1:8040', '127.0.0.1:8050', '127.0.0.1:8060'],
      stateStore: { kind: 'disk', path: '/home/me/data/coordinators' },
    });
  });

  test('makes a store only when it is told to', () => {
    const [node] = demo.nodes;
    expect(argumentsOf(node!, demo, true)).toContain('--init');
    expect(argumentsOf(node!, demo, false)).not.toContain('--init');
    expect(argumentsOf(demo.coordinators[0]!, demo, true)).not.toContain('--init');
  });
});
