import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseManifest } from './parse.ts';

const folder = join(import.meta.dirname, '../examples');
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('examples', () => {
  test('are found', () => {
    expect(files).toEqual(expect.arrayContaining(['chaincluster.yaml', 'ha.yaml', 'local.yaml']));
  });

  test.each(files)('%s is valid in the place it is for, without a warning', (name) => {
    const { cluster, warnings } = parseManifest(
      read(name),
      name,
      name === 'local.yaml' ? 'machine' : 'kubernetes',
    );
    expect(warnings).toEqual([]);
    expect(cluster.metadata.name).not.toBe('');
  });

  test('local.yaml is one coordinator and three nodes with 64 slots, each on all three', () => {
    const { spec } = parseManifest(read('local.yaml'), 'local.yaml').cluster;
    expect(spec).toMatchObject({
      coordinators: 1,
      nodes: 3,
      slots: 64,
      replicationFactor: 3,
      durability: 'fsync',
    });
  });

  test('ha.yaml runs on one machine too, and says what it leaves alone', () => {
    const { cluster, warnings } = parseManifest(read('ha.yaml'), 'ha.yaml');
    expect(cluster.spec).toMatchObject({ coordinators: 3, nodes: 5 });
    expect(warnings.map((warning) => warning.path)).toEqual(
      expect.arrayContaining(['spec.storage', 'spec.podTemplate', 'spec.networkPolicy']),
    );
  });
});
