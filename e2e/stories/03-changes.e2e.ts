import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import { get, type KubeObject, kubectl, list, until } from '../harness/kubectl.ts';
import { settings } from '../harness/settings.ts';
import { story } from '../harness/story.ts';

story('scale out to 5 nodes', { short: true, planned: true }, async ({ cluster, load, note }) => {
  await cluster.ready();
  await load();
  const began = performance.now();
  await kubectl(['scale', '-n', cluster.namespace, 'chaincluster', cluster.name, '--replicas=5']);
  await cluster.ready(240);
  // Ready means that the pods serve; the moves of chains to them go on behind it.
  await until('the new nodes hold chains', 180, async () => {
    const held = await chainsByNode(cluster);
    return [3, 4].every((n) => (held.get(`${cluster.name}-node-${n}`) ?? 0) >= 5) ? true : undefined;
  });
  await cluster.ready();
  note('rebalanced after', `${((performance.now() - began) / 1000).toFixed(1)} s`);
});

story('scale in to 3 nodes', { short: true, planned: true }, async ({ cluster, load, note }) => {
  await cluster.ready();
  await load();
  const began = performance.now();
  await kubectl(['scale', '-n', cluster.namespace, 'chaincluster', cluster.name, '--replicas=3']);
  await until('three storage pods are left', 240, async () =>
    (await cluster.pods('node')).length === 3 ? true : undefined,
  );
  await cluster.ready();
  note('drained after', `${((performance.now() - began) / 1000).toFixed(1)} s`);
  const held = await chainsByNode(cluster);
  expect([...held.keys()].sort()).toEqual([0, 1, 2].map((n) => `${cluster.name}-node-${n}`));
});

story('scale in below the replication factor is refused', { short: true }, async ({ cluster }) => {
  await cluster.ready();
  const said = await kubectl([
    'scale',
    '-n',
    cluster.namespace,
    'chaincluster',
    cluster.name,
    '--replicas=2',
  ]).then(
    () => 'accepted',
    (error: Error) => error.message,
  );
  expect(said).toContain('lower replicationFactor');
  expect((await cluster.resource()).spec.nodes).toBe(3);
});

story(
  'rolling update of the image',
  { short: true, planned: true, seconds: 480 },
  async ({ cluster, load, note, after }) => {
    await cluster.ready();
    await load();
    const began = performance.now();
    const watch = watchDown(cluster);
    after(async () => watch.stop());
    const image = await otherImage(cluster);
    await cluster.patch({ image });
    await cluster.ready(400);
    note('rolled in', `${((performance.now() - began) / 1000).toFixed(1)} s`);
    expect(await images(cluster)).toEqual(new Set([image]));
    expect(watch.worst(), 'storage pods that were down at once').toBeLessThanOrEqual(1);
  },
);

story(
  'an annotation restarts every pod, one at a time',
  { planned: true, seconds: 480 },
  async ({ cluster, load, after }) => {
    await cluster.ready();
    await load();
    const before = uids(await cluster.pods('node'));
    const watch = watchDown(cluster);
    after(async () => watch.stop());
    await cluster.annotate({ 'chaincluster.dev/restartedAt': new Date().toISOString() });
    await until('every storage pod is a new one', 400, async () => {
      const now = uids(await cluster.pods('node'));
      return now.length === 3 && now.every((uid) => !before.includes(uid)) ? true : undefined;
    });
    await cluster.ready();
    expect(watch.worst()).toBeLessThanOrEqual(1);
  },
);

story(
  'an image that never starts stops the roll at one node',
  { short: true, planned: true, seconds: 480 },
  async ({ cluster, load, note, after }) => {
    await cluster.ready();
    await load();
    const [image] = await images(cluster);
    after(() => cluster.patch({ image }));
    await cluster.patch({ image: 'chaincluster:does-not-exist' });
    const blocked = await until('the update is blocked', 240, async () => {
      const condition = await cluster.condition('UpgradeBlocked');
      return condition?.status === 'True' ? condition : undefined;
    });
    note('says', `"${blocked.message.slice(0, 80)}…"`);
    await sleep(10_000);
    const [ready, broken] = [0, 1].map(() => [] as string[]) as [string[], string[]];
    for (const pod of await cluster.pods('node'))
      (imageOf(pod) === image ? ready : broken).push(pod.metadata.name);
    expect(broken).toHaveLength(1);
    expect(ready).toHaveLength(2);
    await cluster.patch({ image });
    await cluster.ready(240);
  },
);

story(
  'a paused cluster is left alone, and repairs itself',
  { short: true, planned: true, seconds: 480 },
  async ({ cluster, load, after }) => {
    await cluster.ready();
    await load();
    after(() => cluster.patch({ paused: false, service: { annotations: null } }));
    await cluster.patch({ paused: true });
    await until('it says that it is paused', 30, async () =>
      (await cluster.condition('Paused'))?.status === 'True' ? true : undefined,
    );
    await cluster.patch({ service: { annotations: { story: 'paused' } } });
    // The store itself goes on: a pod that goes leaves its chains and comes back to them.
    const [pod] = await cluster.pods('node');
    await cluster.deletePods([pod!.metadata.name]);
    await cluster.replaced(pod!);
    await sleep(8000);
    const noted = async () =>
      (await get(cluster.namespace, 'service', cluster.name)).metadata.annotations?.story;
    expect(await noted()).toBeUndefined();
    await cluster.patch({ paused: false });
    await until('the change is carried out', 60, async () =>
      (await noted()) === 'paused' ? true : undefined,
    );
    await cluster.ready();
  },
);

story(
  'the operator is killed in the middle of a roll',
  { planned: true, seconds: 480 },
  async ({ cluster, load }) => {
    await cluster.ready();
    await load();
    const before = uids(await cluster.pods('node'));
    const image = await otherImage(cluster);
    await cluster.patch({ image });
    await until('the first storage pod is a new one', 120, async () =>
      uids(await cluster.pods('node')).some((uid) => !before.includes(uid)) ? true : undefined,
    );
    const operators = await list(
      settings.operatorNamespace,
      'pods',
      'app.kubernetes.io/name=chaincluster-operator',
    );
    await kubectl([
      ...['delete', 'pod', '-n', settings.operatorNamespace, '--force', '--grace-period=0', '--wait=false'],
      ...operators.map(({ metadata }) => metadata.name),
    ]);
    await until('every pod runs the new image', 400, async () => {
      const running = await images(cluster);
      return running.size === 1 && running.has(image) ? true : undefined;
    });
    await cluster.ready(300);
  },
);

story(
  'kubectl drain of a machine',
  { short: true, planned: true, seconds: 400 },
  async ({ cluster, load, after }) => {
    await cluster.ready();
    const [pod] = await cluster.pods('node');
    const machine = pod!.spec.nodeName as string;
    const others = (await list('', 'nodes'))
      .map(({ metadata }) => metadata.name)
      .filter((name) => name !== machine);
    await load({ machine: others[0]! });
    after(() => kubectl(['uncordon', machine]));
    // Pods of other namespaces are none of this story's business.
    const ours = `--pod-selector=app.kubernetes.io/instance=${cluster.name}`;
    await kubectl(
      ['drain', machine, '--ignore-daemonsets', '--delete-emptydir-data', ours, '--timeout=180s'],
      {
        timeoutMs: 200_000,
      },
    );
    await sleep(10_000);
    await kubectl(['uncordon', machine]);
    await cluster.ready();
  },
);

async function chainsByNode(cluster: Cluster): Promise<Map<string, number>> {
  const held = new Map<string, number>();
  for (const { members } of (await cluster.view()).chains)
    for (const { node, state } of members) if (state === 'serving') held.set(node, (held.get(node) ?? 0) + 1);
  return held;
}

const uids = (pods: readonly KubeObject[]): string[] => pods.map(({ metadata }) => metadata.uid);

const imageOf = (pod: KubeObject): string => pod.spec.containers[0].image as string;

/** Of the two that are the same but for their names, the one that does not run now. */
async function otherImage(cluster: Cluster): Promise<string> {
  return (await images(cluster)).has(settings.image) ? settings.nextImage : settings.image;
}

async function images(cluster: Cluster): Promise<Set<string>> {
  return new Set([...(await cluster.pods('node')), ...(await cluster.pods('coordinator'))].map(imageOf));
}

/** Counts, several times a second, the storage pods that are on their way down or missing. */
function watchDown(cluster: Cluster): { worst: () => number; stop: () => void } {
  let [worst, stopped] = [0, false];
  void (async () => {
    while (!stopped) {
      const pods = await cluster.pods('node').catch(() => undefined);
      if (pods !== undefined) {
        const up = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).length;
        worst = Math.max(worst, 3 - up);
      }
      await sleep(400);
    }
  })();
  return {
    worst: () => worst,
    stop: () => {
      stopped = true;
    },
  };
}
