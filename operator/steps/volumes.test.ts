import { describe, expect, test } from 'vitest';
import { decide } from '../decide.ts';
import { claimOf, clusterWith, image, observedOf } from '../fixtures.ts';
import { buildNodes } from '../objects/stateful-sets.ts';
import type { Observed } from '../observed.ts';
import { inShort, writes } from './in-short.ts';
import { volumes } from './volumes.ts';

const cluster = clusterWith({ nodes: 4 });

describe('volumes', () => {
  const grown = clusterWith({ nodes: 4, storage: { ...cluster.spec.storage, size: '20Gi' } });
  const observed = { ...observedOf(cluster), cluster: grown };
  const claims = (size: string) => Array.from({ length: 4 }, (_, i) => claimOf(grown, i, size));
  const classOf = (allowVolumeExpansion?: boolean) =>
    new Map([
      [
        'standard',
        {
          apiVersion: 'storage.k8s.io/v1',
          kind: 'StorageClass',
          metadata: { name: 'standard' },
          ...(allowVolumeExpansion === undefined ? {} : { allowVolumeExpansion }),
        },
      ],
    ]);

  test.each<[string, Partial<Observed>, ReturnType<typeof inShort>['is'], string[]]>([
    [
      'claims first',
      { storageClasses: classOf(true) },
      'waiting',
      [0, 1, 2, 3].map((i) => `patch PersistentVolumeClaim data-demo-node-${i}`),
    ],
    [
      'a class that we may not read is tried',
      { storageClasses: new Map([['standard', undefined]]) },
      'waiting',
      [0, 1, 2, 3].map((i) => `patch PersistentVolumeClaim data-demo-node-${i}`),
    ],
    ['a class that says nothing cannot', { storageClasses: classOf() }, 'blocked', []],
    ['a class that says no cannot', { storageClasses: classOf(false) }, 'blocked', []],
    ['then the set is made anew', { claims: claims('20Gi') }, 'waiting', ['delete StatefulSet demo-node']],
  ])('%s', (_, change, is, expected) => {
    expect(inShort(volumes.decide({ ...observed, ...change }))).toMatchObject({ is, writes: expected });
  });

  test('the set is made anew without its pods, and applied with its old size until then', () => {
    const [remake] = volumes.decide({ ...observed, claims: claims('20Gi') }).actions;
    expect(remake).toMatchObject({ propagation: 'Orphan' });
    const set = decide(observed).actions.find(
      (a) => a.do === 'apply' && a.object.metadata.name === 'demo-node' && a.object.kind === 'StatefulSet',
    );
    expect(set).toMatchObject({
      object: {
        spec: { volumeClaimTemplates: [{ spec: { resources: { requests: { storage: '10Gi' } } } }] },
      },
    });
  });

  test('nothing is applied onto a set that is on its way out', () => {
    const set = buildNodes(cluster, { image, replicas: 4 });
    const going = { ...set, metadata: { ...set.metadata, deletionTimestamp: 'now' } };
    const made = decide(observedOf(cluster, {}, [going]));
    expect(writes(made.actions)).not.toContain('apply StatefulSet demo-node');
    expect(made.outcomes.find(({ step }) => step === 'nodes')?.outcome.is).toBe('waiting');
  });

  test('a shrink is refused', () => {
    const small = clusterWith({ nodes: 4, storage: { ...cluster.spec.storage, size: '5Gi' } });
    expect(inShort(volumes.decide({ ...observed, cluster: small }))).toMatchObject({
      reason: 'VolumeShrinkRefused',
    });
  });

  test('claims that removed nodes left behind are not grown, and file systems that lag are waited for', () => {
    const set = buildNodes(grown, { image, replicas: 4 });
    const leftBehind = claimOf(grown, 7);
    const done = observedOf(grown, { claims: [...claims('20Gi'), leftBehind] }, [set]);
    expect(inShort(volumes.decide(done)).is).toBe('done');
    const lagging = {
      ...claimOf(grown, 0, '20Gi'),
      status: { phase: 'Bound', capacity: { storage: '10Gi' } },
    };
    const waiting = volumes.decide({ ...done, claims: [lagging, ...claims('20Gi').slice(1)] });
    expect(inShort(waiting)).toEqual({ is: 'waiting', reason: 'VolumesGrowing', writes: [] });
  });
});
