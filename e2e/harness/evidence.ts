/** What a failing story leaves behind: objects, events, logs and states, one file each. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Cluster } from './cluster.ts';
import { kubectl, list } from './kubectl.ts';
import { settings } from './settings.ts';

/** Never rejects: what cannot be had is named in its file. Returns the folder. */
export async function leaveEvidence(story: string, namespaces: readonly string[]): Promise<string> {
  const folder = join(settings.out, story.replace(/[^a-z0-9]+/gi, '-').toLowerCase());
  await mkdir(folder, { recursive: true });
  const keep = async (name: string, text: () => Promise<string>): Promise<void> => {
    const content = await text().catch((error: Error) => `not to be had: ${error.message}\n`);
    await writeFile(join(folder, name), content);
  };
  await keep('machines.txt', () => kubectl(['get', 'nodes', '-o', 'wide']));
  for (const namespace of namespaces) {
    await keep(`${namespace}-objects.yaml`, () =>
      kubectl([
        'get',
        '-n',
        namespace,
        'chaincluster,statefulset,pod,pvc,lease,configmap,pdb,service',
        '-o',
        'yaml',
      ]),
    );
    await keep(`${namespace}-pods.txt`, () => kubectl(['get', '-n', namespace, 'pods', '-o', 'wide']));
    await keep(`${namespace}-events.txt`, () =>
      kubectl(['get', '-n', namespace, 'events', '--sort-by=.lastTimestamp', '-o', 'wide']),
    );
    const pods = await list(namespace, 'pods').catch(() => []);
    for (const { metadata } of pods) {
      const logs = (...more: string[]) =>
        kubectl(['logs', '-n', namespace, metadata.name, '--all-containers', '--tail=5000', ...more]);
      await keep(`${metadata.name}.log`, () => logs());
      await keep(`${metadata.name}-previous.log`, () => logs('--previous'));
      const component = metadata.labels?.['app.kubernetes.io/component'];
      if (component !== 'node' && component !== 'coordinator') continue;
      const cluster = new Cluster(namespace, metadata.labels?.['app.kubernetes.io/instance'] ?? '');
      await keep(`${metadata.name}-state.json`, async () =>
        JSON.stringify(await cluster.state(metadata.name, component), null, 1),
      );
    }
  }
  return folder;
}
