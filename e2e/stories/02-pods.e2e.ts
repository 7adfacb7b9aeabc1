import { setTimeout as sleep } from 'node:timers/promises';
import { missing, signalPod } from '../harness/faults.ts';
import { get, type KubeObject, until } from '../harness/kubectl.ts';
import type { Load } from '../harness/load.ts';
import { settings } from '../harness/settings.ts';
import { median, type Scene, seconds, story } from '../harness/story.ts';

const places = ['head', 'middle', 'tail'] as const;

for (const [index, place] of places.entries()) {
  story(`the ${place}'s pod is deleted`, { short: true, planned: true }, async ({ cluster, load, note }) => {
    await cluster.ready();
    const calls = await load();
    const pod = await podAt(cluster, index);
    await calls.mark('deleted');
    await cluster.deletePods([pod.metadata.name]);
    await cluster.replaced(pod);
    await cluster.ready();
    await noteWaits(calls, 'deleted', note);
  });
}

for (const [index, place] of places.entries()) {
  story(
    `the ${place}'s process is killed`,
    { short: place === 'head', missing: missing.processes },
    async ({ cluster, load, note }) => {
      await cluster.ready();
      const calls = await load();
      const writes: number[] = [];
      // Kubernetes waits longer before each restart of the same container, so rounds are dear.
      for (let round = 0; round < (settings.short ? 1 : 3); round++) {
        await cluster.ready();
        await sleep(3000);
        const pod = await podAt(cluster, index);
        const name = `kill ${round}`;
        await calls.mark(name);
        signalPod(pod, 'SIGKILL');
        await sleep(8000);
        const section = (await calls.figures()).find((each) => each.name === name);
        writes.push(section?.longestWriteMs ?? Number.POSITIVE_INFINITY);
        await calls.mark('coming back');
      }
      await cluster.ready();
      note('writes resumed within', writes.map(seconds).join(', '));
      note('median', seconds(median(writes)));
    },
  );
}

story('all storage pods are deleted at once', { short: true }, async ({ cluster, load, note }) => {
  await cluster.ready();
  const calls = await load();
  const pods = await cluster.pods('node');
  await calls.mark('deleted');
  await cluster.deletePods(pods.map(({ metadata }) => metadata.name));
  for (const pod of pods) await cluster.replaced(pod);
  await cluster.ready();
  await noteGaps(calls, 'deleted', note);
});

story(
  'all storage processes are killed at once',
  { missing: missing.processes },
  async ({ cluster, load, note }) => {
    await cluster.ready();
    const calls = await load();
    const pods = await cluster.pods('node');
    await calls.mark('killed');
    for (const pod of pods) signalPod(pod, 'SIGKILL');
    await sleep(5000);
    await cluster.ready();
    await noteGaps(calls, 'killed', note);
  },
);

story(
  'all coordinators are deleted at once',
  { short: true, planned: true },
  async ({ cluster, load, note }) => {
    await cluster.ready();
    const calls = await load();
    const pods = await cluster.pods('coordinator');
    await calls.mark('deleted');
    await cluster.deletePods(
      pods.map(({ metadata }) => metadata.name),
      '--grace-period=1',
    );
    for (const pod of pods) await cluster.replaced(pod);
    await cluster.ready();
    await noteWaits(calls, 'deleted', note);
  },
);

/** The pod of the n-th member of the chain of some slot. */
async function podAt(cluster: Scene['cluster'], index: number): Promise<KubeObject> {
  const name = await until('a chain of three', 60, async () => {
    const members = await cluster.chain(0);
    return members.length === 3 ? members[index] : undefined;
  });
  return get(cluster.namespace, 'pod', name);
}

async function noteWaits(calls: Load, section: string, note: Scene['note']): Promise<void> {
  const found = (await calls.figures()).find(({ name }) => name === section);
  if (found === undefined) return;
  note('longest write', seconds(found.longestWriteMs));
  note('longest read', seconds(found.longestReadMs));
}

async function noteGaps(calls: Load, section: string, note: Scene['note']): Promise<void> {
  const found = (await calls.figures()).find(({ name }) => name === section);
  if (found === undefined) return;
  note('no write for', seconds(found.writeGapMs));
  note('no read for', seconds(found.readGapMs));
}
