/** Installs the operator as the manual says, with the least rights: two namespaces, nothing cluster-wide. */
import { join } from 'node:path';
import { apply, kubectl, restrictedNamespace } from '../harness/kubectl.ts';
import { run } from '../harness/run-command.ts';
import { root, settings } from '../harness/settings.ts';

const { helm, release, operatorNamespace, namespace, spareNamespace } = settings;

export async function installOperator(image: string, say: (text: string) => void): Promise<void> {
  say('installing the operator');
  await apply(...[operatorNamespace, namespace, spareNamespace].map(restrictedNamespace));
  await helmInstall(image);
}

/** Also changes the values of an installed one. */
export async function helmInstall(image: string, ...more: string[]): Promise<void> {
  const [repository, tag] = image.split(':') as [string, string];
  const values = {
    'image.repository': repository,
    'image.tag': tag,
    watchNamespaces: `{${namespace},${spareNamespace}}`,
    'rbac.aggregate': 'false',
    'rbac.storageClasses': 'false',
    // So that the stories see soon what a missed event hid.
    resyncSeconds: '5',
  };
  await run(
    [
      ...[
        helm,
        'upgrade',
        '--install',
        release,
        join(root, 'helm/chaincluster'),
        '--namespace',
        operatorNamespace,
      ],
      // The resource definition outlives releases: an earlier one may have been another's.
      ...['--take-ownership', '--wait', '--timeout', '120s'],
      ...Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
      ...more,
    ],
    { timeoutMs: 180_000 },
  );
}

export async function removeOperator(say: (text: string) => void): Promise<void> {
  say('removing clusters and operator');
  for (const where of [namespace, spareNamespace])
    await kubectl(['delete', 'chaincluster', '-n', where, '--all', '--timeout=120s'], { timeoutMs: 150_000 });
  await run([helm, 'uninstall', release, '--namespace', operatorNamespace, '--wait'], { timeoutMs: 120_000 });
  await kubectl(['delete', 'namespace', operatorNamespace, namespace, spareNamespace, '--wait=false']);
}
