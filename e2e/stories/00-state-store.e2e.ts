import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { createKubernetesStateStore } from '../../coordinator/state-store/kubernetes.ts';
import { openApi } from '../../coordinator/state-store/kubernetes-api.ts';
import { stateStoreCases } from '../../coordinator/state-store/state-store.contract.ts';
import type { StateStore } from '../../coordinator/state-store/state-store.ts';
import { kubectl } from '../harness/kubectl.ts';
import { settings } from '../harness/settings.ts';

/** The suite that every state store must pass, here on a real API server. */
describe('the state store in the Kubernetes API', () => {
  const objects = { namespace: settings.spareNamespace, lease: 'contract', configMap: 'contract' };
  const opened: StateStore[] = [];
  let proxy: ChildProcess;
  let server: string;

  // It speaks with the rights of the kubeconfig, whatever kind of credentials those are.
  beforeAll(async () => {
    proxy = spawn('kubectl', ['proxy', '--port=0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    server = await new Promise<string>((found, failed) => {
      proxy.on('error', failed);
      proxy.stdout?.on('data', (said: Buffer) => {
        const address = /127\.0\.0\.1:\d+/.exec(said.toString())?.[0];
        if (address !== undefined) found(`http://${address}`);
      });
    });
  });

  afterAll(async () => {
    for (const store of opened) await store.close();
    await clear();
    proxy.kill();
  });

  async function open(): Promise<StateStore> {
    const place = { server, credentials: async () => ({ token: '', ca: '' }) };
    const store = createKubernetesStateStore(openApi(place, 5000), objects);
    opened.push(store);
    return store;
  }

  async function clear(): Promise<void> {
    await kubectl([
      'delete',
      '-n',
      objects.namespace,
      'lease/contract',
      'configmap/contract',
      '--ignore-not-found',
    ]);
  }

  for (const { name, run } of stateStoreCases)
    test(name, { timeout: 60_000 }, async () => {
      await clear();
      await run({ open, clear });
    });
});
