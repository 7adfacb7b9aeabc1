import { expect } from 'vitest';
import { Cluster } from '../harness/cluster.ts';
import { get, kubectl, list, until } from '../harness/kubectl.ts';
import type { Load } from '../harness/load.ts';
import { settings } from '../harness/settings.ts';
import { deleteState, putBack, recoverAsTold, restartCoordinators, stateOf } from '../harness/state.ts';
import { type Scene, seconds, story } from '../harness/story.ts';

/** In all stories here, every member of every chain is read by itself at the end. */

story(
  'the state of the coordinators is edited and deleted under their leader',
  { short: true, planned: true },
  async ({ cluster, load, note }) => {
    await cluster.ready();
    await load();
    const before = await cluster.view();
    const object = ['-n', cluster.namespace, 'configmap', `${cluster.name}-state`];
    await kubectl(['label', ...object, 'story=edited', '--overwrite']);
    await kubectl(['annotate', ...object, 'story=edited', '--overwrite']);
    const began = performance.now();
    await deleteState(cluster);
    await until('the leader has written its state again', 60, async () =>
      (await stateOf(cluster)).binaryData === undefined ? undefined : true,
    );
    note('written again after', seconds(performance.now() - began));
    await cluster.ready();
    const after = await cluster.view();
    expect([after.name, after.epoch]).toEqual([before.name, before.epoch]);
  },
);

story(
  'the state of the coordinators is deleted, and recovered',
  { short: true, seconds: 420 },
  async ({ cluster, load, note }) => {
    await cluster.ready();
    const calls = await load({ writers: 16 });
    await calls.written();
    const before = await cluster.view();
    await calls.mark('lost');
    await restartCoordinators(cluster, () => deleteState(cluster));
    const began = performance.now();
    await recoverAsTold(cluster, calls);
    await cluster.ready();
    note('Ready again after', seconds(performance.now() - began));
    const after = await cluster.view();
    expect(after.clusterId).toBe(before.clusterId);
    expect(after.epoch).toBeGreaterThan(before.epoch);
    await noteGaps(calls, note);
    const { reads, acknowledged } = await calls.membersAgree();
    note('writes kept', acknowledged);
    note('reads of single members', reads);
  },
);

story(
  'an older state is put back, and recovered',
  { short: true, seconds: 420 },
  async ({ cluster, load, note }) => {
    await cluster.ready();
    const calls = await load({ writers: 16 });
    await calls.written();
    const older = await stateOf(cluster);
    // Everything moves on: a node leaves its chains and returns, and other coordinators lead.
    const pod = await get(cluster.namespace, 'pod', `${cluster.name}-node-2`);
    await cluster.deletePods([pod.metadata.name]);
    await cluster.replaced(pod);
    await restartCoordinators(cluster);
    await cluster.ready();
    const before = await cluster.view();
    await calls.mark('rolled back');
    await restartCoordinators(cluster, () => putBack(cluster, older));
    await recoverAsTold(cluster, calls);
    await cluster.ready();
    const after = await cluster.view();
    expect(after.epoch).toBeGreaterThan(before.epoch);
    await noteGaps(calls, note);
    const { reads, acknowledged } = await calls.membersAgree();
    note('writes kept', acknowledged);
    note('reads of single members', reads);
  },
);

story(
  'a resource is deleted with its state, and its volumes are taken up again',
  { seconds: 480 },
  async ({ after, note }) => {
    const cluster = new Cluster(settings.spareNamespace, 'stateless');
    const kept = {
      slots: 4,
      coordinators: 1,
      storage: { size: '1Gi', retention: { whenDeleted: 'Retain', whenScaled: 'Retain' } },
    };
    const all = ['-n', cluster.namespace, '-l', `app.kubernetes.io/instance=${cluster.name}`];
    after(async () => {
      await cluster.delete();
      await kubectl(['delete', 'pvc,configmap', ...all]);
    });
    await cluster.apply(kept);
    await cluster.ready(240);
    const chainctl = (...args: string[]) =>
      kubectl(['exec', '-n', cluster.namespace, `${cluster.name}-node-0`, '--', 'chainctl', ...args]);
    for (let n = 0; n < 20; n++) await chainctl('put', `key-${n}`, `value ${n}`);
    const before = await cluster.view();
    const claims = await list(cluster.namespace, 'pvc', `app.kubernetes.io/instance=${cluster.name}`);

    await cluster.delete();
    await deleteState(cluster);
    await cluster.apply(kept);
    note('says', `"${(await recoverAsTold(cluster)).slice(0, 80)}…"`);
    note('ready again after', `${(await cluster.ready(240)).toFixed(1)} s`);
    expect((await cluster.view()).clusterId).toBe(before.clusterId);
    const taken = await list(cluster.namespace, 'pvc', `app.kubernetes.io/instance=${cluster.name}`);
    expect(taken.map(({ metadata }) => metadata.uid).sort()).toEqual(
      claims.map(({ metadata }) => metadata.uid).sort(),
    );
    for (let n = 0; n < 20; n++) expect((await chainctl('get', `key-${n}`)).trim()).toBe(`value ${n}`);
  },
);

/** How long nothing was written while the state was missing, and while it came back. */
async function noteGaps(calls: Load, note: Scene['note']): Promise<void> {
  for (const { name, writeGapMs, readGapMs } of await calls.figures())
    if (name !== 'start' && name !== 'steady')
      note(`${name}: no write, no read for`, `${seconds(writeGapMs)}, ${seconds(readGapMs)}`);
}
