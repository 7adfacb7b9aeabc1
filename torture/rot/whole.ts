/** The node with the turned bit starts in its cluster of three, and everything is read from each member by itself. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '../../client/index.ts';
import { TestCluster } from '../../cluster-test/cluster.fixture.ts';
import { StoreError } from '../../node/store/store.ts';
import { patient } from '../load/patient.ts';
import { copyWith, names, type Prepared, settings } from './folders.ts';
import type { Flip, Rot } from './rot.ts';

export interface Whole extends Flip {
  /** How the node came back. */
  readonly came: 'with its data' | 'blank';
  /** Sentences about answers that are not the truth. */
  readonly wrong: readonly string[];
}

const fullMs = 90_000;
const victim = names[0];

export async function startWhole(prepared: Prepared, rot: Rot, flip: Flip): Promise<Whole> {
  const cluster = await TestCluster.make(settings);
  try {
    await cp(join(prepared.folder, 'state'), join(cluster.folder, 'state'), { recursive: true });
    for (const name of names.slice(1))
      await cp(join(prepared.folder, name), join(cluster.folder, name), { recursive: true });
    await copyWith(rot.folder, join(cluster.folder, victim), flip.file, await rot.turned(flip));
    await cluster.startCoordinator('c1');
    await Promise.all(names.slice(1).map((name) => cluster.startNode(name, { init: false })));
    const came = await start(cluster);
    await cluster.until(
      'full with the node',
      (view) =>
        view.leading &&
        view.chains.length > 0 &&
        view.chains.every((chain) => chain.full) &&
        view.nodes.every((node) => node.admitted),
      fullMs,
    );
    return { ...flip, came, wrong: await readAll(cluster, prepared.truth) };
  } finally {
    await cluster.end();
  }
}

/** What it refuses, an operator replaces: the folder is moved away, and the node comes back blank. */
async function start(cluster: TestCluster): Promise<Whole['came']> {
  try {
    await cluster.startNode(victim, { init: false });
    return cluster.logged.some(({ event }) => event === 'store.set-aside') ? 'blank' : 'with its data';
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    await rm(join(cluster.folder, victim), { recursive: true });
    await cluster.startNode(victim);
    return 'blank';
  }
}

async function readAll(cluster: TestCluster, truth: Prepared['truth']): Promise<string[]> {
  const wrong: string[] = [];
  const client = await connect({ endpoints: cluster.addresses, timeoutMs: 20_000 });
  try {
    for (const [key, was] of truth)
      for (const node of names) {
        const found = await patient(() => client.get(key, { node }));
        const is = found.found ? found.text() : null;
        if (is !== was) wrong.push(`${key} at ${node} is ${is ?? 'absent'} instead of ${was ?? 'absent'}`);
      }
  } finally {
    client.close();
  }
  return wrong;
}
