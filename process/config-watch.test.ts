import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ClusterFile } from './cluster-file.ts';
import { watchConfig } from './config-watch.ts';

test('tells each new content once, and keeps the last good one when the file is broken', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chain-watch-'));
  const path = join(folder, 'cluster.json');
  const write = (nodes: number): Promise<void> =>
    writeFile(path, JSON.stringify({ cluster: 'demo', nodes, replicationFactor: 1, coordinators: ['h:1'] }));
  await write(3);
  const told: ClusterFile[] = [];
  const refused: unknown[] = [];
  const stop = watchConfig(
    path,
    (_, name, fields) => {
      if (name === 'config.refused') refused.push(fields.why);
    },
    (file) => told.push(file),
    10,
  );
  onTestFinished(async () => {
    stop();
    await rm(folder, { recursive: true });
  });

  // The first look has been: only what differs from it counts.
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(told).toHaveLength(0);
  await write(5);
  await vi.waitFor(() => expect(told.map((f) => f.nodes)).toContain(5));
  const before = told.length;
  await writeFile(path, 'not json');
  await vi.waitFor(() => expect(refused).toContainEqual(expect.stringContaining('is not JSON')));
  await write(7);
  await vi.waitFor(() => expect(told.at(-1)?.nodes).toBe(7));
  expect(told).toHaveLength(before + 1);
});
