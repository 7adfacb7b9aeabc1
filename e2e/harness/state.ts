/** What stories do to the state of the coordinators, and how it comes back. */
import { expect } from 'vitest';
import type { Cluster } from './cluster.ts';
import { find, get, type KubeObject, kubectl, until } from './kubectl.ts';
import type { Load } from './load.ts';
import { run, words } from './run-command.ts';

const nameOf = (cluster: Cluster): string => `${cluster.name}-state`;

export function stateOf(cluster: Cluster): Promise<KubeObject> {
  return get(cluster.namespace, 'configmap', nameOf(cluster));
}

export async function deleteState(cluster: Cluster): Promise<void> {
  await kubectl(['delete', 'configmap', '-n', cluster.namespace, nameOf(cluster), '--ignore-not-found']);
}

/** Puts the content of an older copy back, as somebody does who restores a backup. */
export async function putBack(cluster: Cluster, older: KubeObject): Promise<void> {
  const { data, binaryData } = older;
  await kubectl([
    ...['patch', 'configmap', '-n', cluster.namespace, nameOf(cluster), '--type=merge'],
    ...['-p', JSON.stringify({ data, binaryData })],
  ]);
}

/**
 * Ends all coordinators at once; resolves when new ones run, which are not ready where they miss their state. `change` is
 * made before, and again when the old ones are gone: a leader that lives saves its state again when it finds it deleted
 * or set back.
 */
export async function restartCoordinators(
  cluster: Cluster,
  change: () => Promise<void> = async () => {},
): Promise<void> {
  await change();
  const pods = await cluster.pods('coordinator');
  await cluster.deletePods(
    pods.map(({ metadata }) => metadata.name),
    '--grace-period=1',
  );
  for (const { metadata } of pods)
    await until(`${metadata.name} is gone`, 60, async () => {
      const now = await find(cluster.namespace, 'pod', metadata.name);
      return now?.metadata.uid === metadata.uid ? undefined : true;
    });
  await change();
  for (const { metadata } of pods)
    await until(`a new ${metadata.name} runs`, 120, async () => {
      const now = await find(cluster.namespace, 'pod', metadata.name);
      return now?.metadata.uid !== metadata.uid && now?.status?.phase === 'Running' ? true : undefined;
    });
}

/**
 * Waits until the resource says that the state is lost, and runs the command that it names. Returns what it said.
 * `calls` begin a new section before the command.
 */
export async function recoverAsTold(cluster: Cluster, calls?: Load): Promise<string> {
  const lost = await until('the resource says StateLost', 90, async () => {
    const [ready, condition] = [await cluster.condition('Ready'), await cluster.condition('StateLost')];
    return ready?.reason === 'StateLost' && condition?.status === 'True' ? condition : undefined;
  });
  const columns = await kubectl(['get', '-n', cluster.namespace, 'chaincluster', cluster.name]);
  expect(columns).toContain('StateLost');
  const command = /here: (kubectl [^)]+)\)/.exec(lost.message)?.[1];
  expect(command, `a command in "${lost.message}"`).toBeDefined();
  await calls?.mark('recovering');
  // Nodes register again one after the other: until all have, the order is refused by name.
  await until('the state is recovered', 60, async () => {
    await run(words(command ?? ''), { timeoutMs: 30_000 });
    return true;
  });
  return lost.message;
}
