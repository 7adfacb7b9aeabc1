/** The Kubernetes cluster on which the stories run. */
import { join } from 'node:path';
import { run } from '../harness/run-command.ts';
import { root, settings } from '../harness/settings.ts';

export interface TestCluster {
  readonly kubeconfig: string;
  /** Puts an image archive on every machine. */
  readonly load: readonly string[];
  /** Removes it if it was made here. */
  remove(): Promise<void>;
}

const kindName = 'chaincluster-e2e';

/** @throws Error that says what would have to be there. */
export async function findCluster(say: (text: string) => void): Promise<TestCluster> {
  const load = (process.env.E2E_LOAD ?? '').split(/\s+/).filter(Boolean);
  const given = process.env.KUBECONFIG;
  if (given !== undefined && given !== '') {
    await run(['kubectl', 'get', '--raw', '/readyz'], { timeoutMs: 30_000 }).catch((error: Error) => {
      throw new Error(`KUBECONFIG is ${given}, but its cluster does not answer: ${error.message}`);
    });
    if (load.length === 0)
      throw new Error(
        'E2E_LOAD must be the command that puts an image archive on every machine of the cluster of KUBECONFIG, such as "kind load image-archive"',
      );
    return { kubeconfig: given, load, remove: async () => undefined };
  }
  await run(['kind', 'version']).catch(() => {
    throw new Error(
      'there is no cluster to run on: set KUBECONFIG (and E2E_LOAD, and E2E_FAULTS for stories about machines), or install kind and Docker',
    );
  });
  say('making a cluster with kind');
  const kubeconfig = join(settings.out, 'kubeconfig');
  const config = join(root, 'kind-config.yaml');
  await run(
    [
      'kind',
      'create',
      'cluster',
      '--name',
      kindName,
      '--config',
      config,
      '--kubeconfig',
      kubeconfig,
      '--wait',
      '120s',
    ],
    {
      timeoutMs: 600_000,
      show: true,
    },
  );
  return {
    kubeconfig,
    load: ['kind', 'load', 'image-archive', '--name', kindName],
    async remove() {
      await run(['kind', 'delete', 'cluster', '--name', kindName]);
    },
  };
}
