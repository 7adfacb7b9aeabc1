import { describe, expect, test } from 'vitest';
import { claimOf, clusterWith, observedOf, viewOf } from './fixtures.ts';
import { claimsToMark, identityOf } from './identity.ts';
import { buildState } from './objects/access.ts';
import type { PersistentVolumeClaim } from './objects/kinds.ts';
import { annotations, namesOf } from './objects/names.ts';
import { childKey, type Observed } from './observed.ts';

const cluster = clusterWith();
const unknown: Observed['view'] = { is: 'unknown', because: 'nobody answers' };

/** A claim whose volume holds the store of a cluster; without an id nobody noted which. */
function marked(ordinal: number, id?: string): PersistentVolumeClaim {
  const { metadata, ...claim } = claimOf(cluster, ordinal);
  return {
    ...claim,
    metadata: { ...metadata, annotations: id === undefined ? {} : { [annotations.clusterId]: id } },
  };
}

/** What is left of the objects that name the cluster. */
function left(change: Partial<Observed>, kept: { state?: string; config?: boolean } = {}): Observed {
  const whole = observedOf(cluster);
  const names = namesOf(cluster);
  const children = new Map(whole.children);
  children.delete(childKey('ConfigMap', names.state));
  if (kept.config !== true) children.delete(childKey('ConfigMap', names.config));
  if (kept.state !== undefined)
    children.set(childKey('ConfigMap', names.state), buildState(cluster, kept.state));
  return { ...whole, children, view: unknown, ...change };
}

describe('the id of the cluster', () => {
  test.each<[string, Observed, string, boolean]>([
    ['a new resource without volumes begins under its own uid', left({ claims: [] }), 'cluster-uid', false],
    [
      'volumes that were just made change nothing',
      left({ claims: [marked(0)] }, { state: 'cluster-uid' }),
      'cluster-uid',
      false,
    ],
    [
      'a kept state names it',
      left({ claims: [marked(0), marked(1)] }, { state: 'earlier' }),
      'earlier',
      false,
    ],
    [
      'volumes name it when the state is gone',
      left({ claims: [0, 1, 2].map((i) => marked(i, 'earlier')) }),
      'earlier',
      true,
    ],
    [
      'volumes are believed before a state that somebody edited',
      left({ claims: [marked(0, 'earlier')] }, { state: 'edited' }),
      'earlier',
      true,
    ],
    [
      'one edited claim does not turn it',
      left({ claims: [marked(0, 'edited'), marked(1, 'id'), marked(2, 'id')] }),
      'id',
      true,
    ],
    [
      'the configuration knows it when nothing else does',
      left({ claims: [marked(0)] }, { config: true }),
      'cluster-uid',
      false,
    ],
    [
      'volumes of removed nodes count last',
      left({ claims: [marked(7, 'older')] }, { state: 'id' }),
      'id',
      true,
    ],
    ['and still count', left({ claims: [marked(7, 'older')] }), 'older', true],
    ['volumes that nobody noted are not taken for new ones', left({ claims: [marked(0)] }), '', true],
  ])('%s', (_, observed, clusterId, begun) => {
    expect(identityOf(observed)).toEqual({ clusterId, begun });
  });

  test('of volumes that nobody noted is what the nodes tell the coordinators', () => {
    const lost = { coordinator: 'demo-coordinator-0', message: 'gone', clusterId: 'on-disk' };
    const observed = left({ claims: [marked(0)], view: { is: 'unknown', because: 'gone', lost } });
    expect(identityOf(observed)).toEqual({ clusterId: 'on-disk', begun: true });
    expect(claimsToMark(observed).map(({ metadata }) => metadata.name)).toEqual(['data-demo-node-0']);
  });
});

describe('a cluster has begun', () => {
  test('once chains were seen, even if no coordinator is heard now', () => {
    const blank = { claims: [marked(0), marked(1), marked(2)] };
    expect(identityOf(left(blank, { state: 'cluster-uid' })).begun).toBe(false);
    const seen = left({ ...blank, view: { is: 'known', view: viewOf(cluster) } }, { state: 'cluster-uid' });
    expect(identityOf(seen).begun).toBe(true);
    const chains = { total: 6, full: 6, degraded: 0, unavailable: 0, summary: '6/6', notFull: [] };
    const remembered = left(
      { ...blank, cluster: { ...cluster, status: { chains } } },
      { state: 'cluster-uid' },
    );
    expect(identityOf(remembered).begun).toBe(true);
  });

  test('and not before: its volumes are not marked while it forms', () => {
    const forming = { ...viewOf(cluster), chains: [], clusterId: '' };
    const observed = left(
      { claims: [marked(0)], view: { is: 'known', view: forming } },
      { state: 'cluster-uid' },
    );
    expect(claimsToMark(observed)).toEqual([]);
  });

  test('then every volume without a mark gets one, of no other cluster than the coordinators lead', () => {
    const claims = [marked(0, 'cluster-uid'), marked(1), marked(2)];
    const view = viewOf(cluster);
    const names = (clusterId: string) =>
      claimsToMark(left({ claims, view: { is: 'known', view: { ...view, clusterId } } })).map(
        ({ metadata }) => metadata.name,
      );
    expect(names('cluster-uid')).toEqual(['data-demo-node-1', 'data-demo-node-2']);
    expect(names('foreign')).toEqual([]);
  });
});
