import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import { apiServer, machine, missing, signalPod } from '../harness/faults.ts';
import { get, type KubeObject, kubectl, list, until } from '../harness/kubectl.ts';
import type { Load } from '../harness/load.ts';
import { type Scene, seconds, story } from '../harness/story.ts';

story('the disk of a node is lost while many write', { short: true, seconds: 420 }, async (scene) => {
  const { cluster, load, note } = scene;
  await cluster.ready();
  const calls = await load({ writers: 32, wideKeys: 4000 });
  await calls.written();
  const pod = await get(cluster.namespace, 'pod', `${cluster.name}-node-1`);
  const claim = await get(cluster.namespace, 'pvc', `data-${cluster.name}-node-1`);
  await calls.mark('lost');
  await kubectl(['delete', 'pvc', '-n', cluster.namespace, claim.metadata.name, '--wait=false']);
  await cluster.deletePods([pod.metadata.name], '--grace-period=1');
  await cluster.replaced(pod, 180);
  await cluster.ready(240);
  const now = await get(cluster.namespace, 'pvc', claim.metadata.name);
  expect(now.metadata.uid).not.toBe(claim.metadata.uid);
  await noteWaits(calls, 'lost', note);
  // Whole again is not enough: each member must hold every acknowledged write by itself.
  const { reads, acknowledged } = await calls.membersAgree();
  note('writes kept', acknowledged);
  note('reads of single members', reads);
});

story("the leader's Lease is deleted", { short: true, planned: true }, async ({ cluster, load }) => {
  await cluster.ready();
  await load();
  const before = (await cluster.view()).epoch;
  await kubectl(['delete', 'lease', '-n', cluster.namespace, `${cluster.name}-coordinator`]);
  await until('a leader of a later epoch', 90, async () =>
    (await cluster.view()).epoch > before ? true : undefined,
  );
  await cluster.ready();
});

story(
  'the leader is frozen past its lease, and thawed',
  { short: true, missing: missing.processes, planned: true },
  async ({ cluster, load, note, after }) => {
    await cluster.ready();
    await load();
    const before = await cluster.view();
    const frozen = await get(cluster.namespace, 'pod', before.name);
    after(async () => signalPod(frozen, 'SIGCONT'));
    signalPod(frozen, 'SIGSTOP');
    const began = performance.now();
    const next = await until('another leader', 60, async () => {
      for (const pod of await cluster.pods('coordinator')) {
        if (pod.metadata.name === before.name) continue;
        const view = (await cluster.state(pod.metadata.name, 'coordinator').catch(() => undefined)) as
          | typeof before
          | undefined;
        if (view?.leading === true) return view;
      }
      return undefined;
    });
    note('another led after', seconds(performance.now() - began));
    expect(next.epoch).toBeGreaterThan(before.epoch);
    signalPod(frozen, 'SIGCONT');
    await sleep(5000);
    await cluster.ready();
    const thawed = (await cluster.state(before.name, 'coordinator')) as typeof before;
    const now = await cluster.view();
    expect(thawed.leading ? thawed.name : now.name).toBe(now.name);
    expect(now.epoch).toBeGreaterThan(before.epoch);
  },
);

story(
  'the power of a machine is cut, and comes back',
  { missing: missing.machines, seconds: 420 },
  async ({ cluster, load, note, after }) => {
    await cluster.ready();
    const { pod, victim, other } = await victimOf(cluster);
    const calls = await load({ machine: other });
    let off = false;
    after(async () => off && machine.start(victim));
    await calls.mark('power cut');
    await machine.stop(victim);
    off = true;
    await until('the chains go on without it', 90, async () => {
      const { chains } = await cluster.view();
      return chains.every(({ members }) => members.every(({ node }) => node !== pod.metadata.name))
        ? true
        : undefined;
    });
    await sleep(15_000);
    await noteWaits(calls, 'power cut', note);
    await calls.mark('power back');
    await machine.start(victim);
    off = false;
    await cluster.ready(300);
  },
);

story(
  'a cable is pulled for longer than the leases, with a client at the lonely node',
  { missing: missing.machines, seconds: 420 },
  async ({ cluster, load, note, after }) => {
    await cluster.ready();
    const { pod, victim, other } = await victimOf(cluster);
    const calls = await load({ machine: other, prefix: 'cable' });
    const lonely = await load({
      machine: victim,
      prefix: 'cable',
      node: pod.metadata.name,
      rate: 50,
      clients: 16,
      timeoutMs: 2000,
    });
    after(() => machine.heal(victim));
    for (const each of [calls, lonely]) await each.mark('cut');
    await machine.cut(victim);
    await sleep(25_000);
    await machine.heal(victim);
    await until('the lonely machine answers again', 90, async () => (await lonely.figures()) && true);
    for (const each of [calls, lonely]) await each.mark('healed');
    await cluster.ready(240);
    await noteWaits(calls, 'cut', note);
    const cut = (await lonely.figures()).find(({ name }) => name === 'cut');
    note('the lonely client was refused', (cut?.failed ?? 0) + (cut?.unknown ?? 0));
  },
);

story(
  'the API server is gone for longer than every lease',
  { short: true, missing: missing.machines, planned: true, seconds: 420 },
  async ({ cluster, load, note, after }) => {
    await cluster.ready();
    const calls = await load();
    after(() => apiServer.start());
    await calls.mark('gone');
    await apiServer.stop();
    await sleep(30_000);
    await apiServer.start();
    await answers();
    await noteWaits(calls, 'gone', note);
    await calls.mark('back');
    await cluster.ready(240);
  },
);

story(
  'the API server is gone for two minutes, and a storage process is killed',
  { missing: missing.machines ?? missing.processes, seconds: 600 },
  async ({ cluster, load, note, after }) => {
    await cluster.ready();
    const pod = await get(cluster.namespace, 'pod', `${cluster.name}-node-1`);
    const machines = (await list('', 'nodes')).map(({ metadata }) => metadata.name);
    const calls = await load({ machine: machines.find((name) => name !== pod.spec.nodeName)! });
    after(() => apiServer.start());
    await calls.mark('gone');
    await apiServer.stop();
    await sleep(60_000);
    signalPod(pod, 'SIGKILL');
    await sleep(60_000);
    await apiServer.start();
    await answers();
    const gone = (await calls.figures()).find(({ name }) => name === 'gone');
    note('no write for', seconds(gone?.writeGapMs ?? 0));
    note('no read for', seconds(gone?.readGapMs ?? 0));
    await calls.mark('back');
    await cluster.ready(240);
  },
);

/** A storage pod that is neither the leader's neighbour nor the only one of its kind on its machine, and another machine. */
async function victimOf(cluster: Cluster): Promise<{ pod: KubeObject; victim: string; other: string }> {
  const leader = (await cluster.view()).name;
  const { nodeName: led } = (await get(cluster.namespace, 'pod', leader)).spec as { nodeName: string };
  const pods = await cluster.pods('node');
  const pod = pods.find(({ spec }) => spec.nodeName !== led) ?? pods[0]!;
  const victim = pod.spec.nodeName as string;
  const machines = (await list('', 'nodes')).map(({ metadata }) => metadata.name);
  return { pod, victim, other: machines.find((name) => name !== victim)! };
}

async function answers(): Promise<void> {
  await until('the API server answers', 60, async () => {
    await kubectl(['get', '--raw', '/readyz'], { timeoutMs: 5000 });
    return true;
  });
}

async function noteWaits(calls: Load, section: string, note: Scene['note']): Promise<void> {
  const found = (await calls.figures()).find(({ name }) => name === section);
  if (found === undefined) return;
  note('longest write', seconds(found.longestWriteMs));
  note('longest read', seconds(found.longestReadMs));
}
