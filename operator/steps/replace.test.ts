import { describe, expect, test } from 'vitest';
import { decide } from '../decide.ts';
import { chain, clusterWith, observedOf, viewOf } from '../fixtures.ts';
import type { Pod } from '../objects/kinds.ts';
import type { Observed } from '../observed.ts';
import { events, inShort, known, unknown, writes } from './in-short.ts';
import { replacing } from './replace.ts';

const cluster = clusterWith({ nodes: 4 });

describe('replacing a node', () => {
  const asked = (annotations: Record<string, string>) => clusterWith({ nodes: 4 }, { annotations });
  const wish = { 'chaincluster.dev/replace': 'demo-node-1' };
  const begun = {
    ...wish,
    'chaincluster.dev/replacing': JSON.stringify({
      pod: 'demo-node-1',
      claimUid: 'uid-data-demo-node-1',
      podUid: 'uid-demo-node-1',
    }),
  };
  const full = viewOf(cluster);
  const joining = { ...chain(0, ['demo-node-1', 'demo-node-2'], false) };
  joining.members = joining.members.map((member) => ({ ...member, serving: member.node === 'demo-node-1' }));
  const lastCopy = { ...full, chains: [joining] };

  test('nobody asked', () => {
    expect(inShort(replacing.decide(observedOf(cluster)))).toEqual({ is: 'done', writes: [] });
  });

  test('writes down what it replaces before it deletes anything', () => {
    const outcome = replacing.decide(observedOf(asked(wish)));
    expect(outcome.actions[0]).toMatchObject({
      do: 'patch',
      patch: {
        metadata: {
          resourceVersion: '42',
          annotations: { 'chaincluster.dev/replacing': begun['chaincluster.dev/replacing'] },
        },
      },
    });
    expect(writes(outcome.actions)).toEqual(['patch ChainCluster demo']);
  });

  test.each<[string, Record<string, string>, Observed['view'], string, string[]]>([
    [
      'a stranger is refused',
      { 'chaincluster.dev/replace': 'demo-node-9' },
      known(full),
      'ReplaceRefused',
      [],
    ],
    ['the last serving copy is refused', wish, known(lastCopy), 'ReplaceRefused', []],
    ['nothing begins while the coordinator is not heard', wish, unknown, 'NodeReplacing', []],
    [
      'volume, then pod',
      begun,
      known(full),
      'NodeReplacing',
      ['delete PersistentVolumeClaim data-demo-node-1', 'delete Pod demo-node-1'],
    ],
    ['what was begun stops when it would take the last copy', begun, known(lastCopy), 'ReplaceRefused', []],
  ])('%s', (_, annotations, view, reason, expected) => {
    const outcome = replacing.decide(observedOf(asked(annotations), { view }));
    expect(inShort(outcome)).toMatchObject({ reason, writes: expected });
  });

  test('goes on where an earlier operator stopped, never touching the new volume', () => {
    const observed = observedOf(asked(begun));
    const renewed = (uid: string, object: { metadata: object }) => ({
      ...object,
      metadata: { ...object.metadata, uid },
    });
    const claims = observed.claims.map((claim, i) =>
      i === 1 ? (renewed('new', claim) as typeof claim) : claim,
    );
    const oldPod = replacing.decide({ ...observed, claims });
    expect(writes(oldPod.actions)).toEqual(['delete Pod demo-node-1']);
    const nodePods = observed.nodePods.map((pod, i) => (i === 1 ? (renewed('new', pod) as Pod) : pod));
    const finished = replacing.decide({ ...observed, claims, nodePods });
    expect(inShort(finished)).toEqual({ is: 'done', writes: ['patch ChainCluster demo'] });
    expect(events(finished.actions)).toEqual(['NodeReplaced']);
    const filling = { ...full, chains: [chain(0, ['demo-node-0'], false), ...full.chains] };
    expect(inShort(replacing.decide({ ...observed, claims, nodePods, view: known(filling) }))).toMatchObject({
      is: 'waiting',
      writes: [],
    });
  });

  test('holds an update back', () => {
    const observed = observedOf(clusterWith({ nodes: 4, image: 'other:2' }, { annotations: begun }));
    expect(decide(observed).outcomes.map(({ step }) => step)).not.toContain('rolling nodes');
  });
});
