import { describe, expect, test } from 'vitest';
import { parseManifest } from './parse.ts';
import { brokenByChange, brokenRules, rules } from './rules.ts';
import type { ChainClusterSpec } from './types.ts';

const text = JSON.stringify({
  apiVersion: 'chaincluster.dev/v1alpha1',
  kind: 'ChainCluster',
  metadata: { name: 'a' },
  spec: {},
});
const { spec } = parseManifest(text, 'a.json', 'kubernetes').cluster;

const withTimings = (timings: Partial<ChainClusterSpec['timings']>): ChainClusterSpec => ({
  ...spec,
  timings: { ...spec.timings, ...timings },
});
const withStorage = (storage: Partial<ChainClusterSpec['storage']>): ChainClusterSpec => ({
  ...spec,
  storage: { ...spec.storage, ...storage },
});
const fields = (broken: ReturnType<typeof brokenRules>): string[] =>
  broken.map(({ at, fieldPath }) => `${at}${fieldPath ?? ''}`);

const single: [string, ChainClusterSpec, string[]][] = [
  ['as many members as nodes', { ...spec, replicationFactor: 3, nodes: 3 }, []],
  ['more members than nodes', { ...spec, replicationFactor: 4 }, ['spec.replicationFactor']],
  ['a drained node to spare', { ...spec, nodes: 4, drain: ['a'] }, []],
  ['a drained node that is needed', { ...spec, drain: ['a'] }, ['spec.drain']],
  ['ports up to the last', { ...spec, local: { ...spec.local, basePort: 65536 - 60 } }, []],
  [
    'ports beyond the last',
    { ...spec, local: { ...spec.local, basePort: 65536 - 59 } },
    ['spec.local.basePort'],
  ],
  ['the smallest volume', withStorage({ size: '256Mi' }), []],
  ['a volume too small', withStorage({ size: '255.999Mi' }), ['spec.storage.size']],
  [
    'suspicion at the heartbeat',
    withTimings({ heartbeatMs: 500, suspectMs: 500 }),
    ['spec.timings.suspectMs'],
  ],
  ['death at suspicion', withTimings({ suspectMs: 1200 }), ['spec.timings.deadMs']],
  ['a lease of two heartbeats', withTimings({ heartbeatMs: 500 }), []],
  ['a lease of less than two heartbeats', withTimings({ heartbeatMs: 501 }), ['spec.timings.readLeaseMs']],
  ['death exactly at the end of the lease', withTimings({ deadMs: 1050 }), []],
  ['death before the end of the lease', withTimings({ deadMs: 1049 }), ['spec.timings.deadMs']],
  ['death before the end by a bad clock', withTimings({ clockRatePercent: 21 }), ['spec.timings.deadMs']],
  ['two renewals a leadership', withTimings({ coordinatorRenewMs: 1500 }), []],
  ['fewer', withTimings({ coordinatorRenewMs: 1501 }), ['spec.timings.coordinatorLeaseMs']],
  ['five coordinators', { ...spec, coordinators: 5 }, []],
  ['two coordinators', { ...spec, coordinators: 2 }, ['spec.coordinators']],
];

const changes: [string, ChainClusterSpec, ChainClusterSpec, string[]][] = [
  ['to itself', spec, spec, []],
  ['of slots', spec, { ...spec, slots: 65 }, ['spec.slots']],
  ['of nodes', spec, { ...spec, nodes: 9 }, []],
  ['to a larger volume in another unit', withStorage({ size: '1Gi' }), withStorage({ size: '1.1G' }), []],
  ['to a smaller volume', withStorage({ size: '1Gi' }), withStorage({ size: '1G' }), ['spec.storage.size']],
  [
    'of the storage class',
    withStorage({ storageClassName: 'a' }),
    withStorage({ storageClassName: 'b' }),
    ['spec.storage.storageClassName'],
  ],
  [
    'that names a storage class',
    spec,
    withStorage({ storageClassName: 'a' }),
    ['spec.storage.storageClassName'],
  ],
  [
    'that drops the storage class',
    withStorage({ storageClassName: 'a' }),
    spec,
    ['spec.storage.storageClassName'],
  ],
];

describe('a spec by itself', () => {
  test('breaks no rule when it is all defaults', () => {
    expect(brokenRules(spec)).toEqual([]);
  });

  test.each(single)('%s', (_, changed, expected) => {
    expect(fields(brokenRules(changed))).toEqual(expected);
  });
});

describe('a change', () => {
  test.each(changes)('%s', (_, before, after, expected) => {
    expect(fields(brokenByChange(after, before, 'kubernetes'))).toEqual(expected);
  });

  test('of what means nothing on one machine is free there', () => {
    const smaller = { ...withStorage({ size: '1Gi', storageClassName: 'x' }), slots: 1 };
    expect(fields(brokenByChange(smaller, spec, 'machine'))).toEqual(['spec.slots']);
  });
});

test('every rule is broken by one of the cases', () => {
  const broken = [
    ...single.flatMap(([, changed]) => brokenRules(changed)),
    ...changes.flatMap(([, before, after]) => brokenByChange(after, before, 'kubernetes')),
  ];
  expect(new Set(broken)).toEqual(new Set(rules));
});
