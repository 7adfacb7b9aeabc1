import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { defaultTimings } from '../protocol/timings.ts';
import { parseClusterFile, readClusterFile } from './cluster-file.ts';
import { ConfigError } from './endings.ts';

const least = { cluster: 'demo', coordinators: ['127.0.0.1:7410'] };
const parse = (value: unknown) => parseClusterFile('cluster.json', JSON.stringify(value));

function problemsOf(value: unknown): readonly string[] {
  try {
    parse(value);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('a name and the coordinators are enough', () => {
  const file = parse(least);
  expect(file).toMatchObject({
    cluster: 'demo',
    slots: 64,
    replicationFactor: 3,
    nodes: 3,
    durability: 'fsync',
  });
  expect(file.timings).toEqual(defaultTimings);
  expect(file.scrub).toEqual({ everyMs: 7 * 86_400_000, bytesPerSecond: 1_048_576 });
  expect(file.stateStore).toEqual({ kind: 'none' });
});

test('every field is taken', () => {
  const file = parse({
    ...least,
    namespace: 'ns',
    clusterId: 'id-1',
    slots: 8,
    replicationFactor: 2,
    nodes: 5,
    durability: 'os',
    timings: { heartbeatMs: 100, clockRatePercent: 10 },
    limits: { keyBytes: 10, valueBytes: 20, clientConnections: 30 },
    config: { logLevel: 'debug', dedupeHorizonSeconds: 60, maxConcurrentMoves: 2, copyMiBPerSecond: 7 },
    scrub: { everyHours: 0, miBPerSecond: 3 },
    drain: ['n1'],
    stateStore: { kind: 'disk', path: 'state' },
    paused: true,
  });
  expect(file).toMatchObject({
    namespace: 'ns',
    clusterId: 'id-1',
    slots: 8,
    replicationFactor: 2,
    nodes: 5,
  });
  expect(file.timings).toMatchObject({
    heartbeatMs: 100,
    clockRate: 0.1,
    dedupeHorizonMs: 60_000,
    readLeaseMs: 1000,
  });
  expect(file.limits).toEqual({ keyBytes: 10, valueBytes: 20, clientConnections: 30 });
  expect(file.config).toMatchObject({ logLevel: 'debug', maxConcurrentMoves: 2, copyMiBPerSecond: 7 });
  expect(file.scrub).toEqual({ everyMs: 0, bytesPerSecond: 3 * 1_048_576 });
  expect(file.drain).toEqual(['n1']);
  expect(file.stateStore).toEqual({ kind: 'disk', path: 'state' });
});

test('a state store on Kubernetes names its objects', () => {
  const stateStore = { kind: 'kubernetes', lease: 'l', configMap: 'c' };
  expect(parse({ ...least, stateStore }).stateStore).toEqual(stateStore);
});

test.each([
  ['no cluster', { coordinators: ['h:1'] }, 'cluster is missing'],
  ['no coordinators', { cluster: 'demo' }, 'coordinators must name at least one address'],
  ['an address without a port', { ...least, coordinators: ['localhost'] }, 'coordinators names localhost'],
  [
    'slots that are no number',
    { ...least, slots: '64' },
    'slots is "64"; it must be a whole number from 1 to 4096',
  ],
  ['too many slots', { ...least, slots: 5000 }, 'slots is 5000'],
  ['longer chains than nodes', { ...least, nodes: 2, replicationFactor: 3 }, 'there are only 2 nodes'],
  [
    'an unknown durability',
    { ...least, durability: 'maybe' },
    'durability is "maybe"; it must be one of fsync, os',
  ],
  ['timings that are no object', { ...least, timings: [] }, 'timings must be an object'],
  [
    'a lease that lapses',
    { ...least, timings: { readLeaseMs: 300 } },
    'readLeaseMs must be 0 (none) or at least twice heartbeatMs',
  ],
  ['a limit above the protocol', { ...least, limits: { keyBytes: 2048 } }, 'limits.keyBytes is 2048'],
  ['a state store without a path', { ...least, stateStore: { kind: 'disk' } }, 'stateStore.path is missing'],
  ['a drain that is no list', { ...least, drain: 'n1' }, 'drain is "n1"; it must be a list of texts'],
])('%s is refused with a sentence', (_, value, sentence) => {
  expect(problemsOf(value).join('\n')).toContain(sentence);
});

test('all that is wrong is said at once, with the name of the file', () => {
  const problems = problemsOf({ slots: 0, nodes: 0 });
  expect(problems.length).toBeGreaterThanOrEqual(4);
  for (const problem of problems) expect(problem).toMatch(/^cluster\.json: /);
});

test('a file that is not there or not JSON is refused with its path', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'chain-config-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'cluster.json');
  await expect(readClusterFile(path)).rejects.toThrow(`${path} cannot be read`);
  await writeFile(path, '{"cluster":');
  await expect(readClusterFile(path)).rejects.toThrow(`${path} is not JSON`);
});
