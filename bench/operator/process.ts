/** The operator as a process of its own, so that its memory and its CPU are its own. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeFlags } from '../../operator/node-flags.ts';
import { Child } from '../cluster/child.ts';
import { freePorts } from '../cluster/ports.ts';
import { until } from '../cluster/system.ts';
import { type Metrics, parseMetrics } from './metrics.ts';

export interface OperatorProcess {
  readonly child: Child;
  /** What it says of itself at this moment. */
  metrics(): Promise<Metrics>;
  /** Resolves when its caches are complete. */
  ready(): Promise<void>;
}

export interface OperatorSettings {
  readonly folder: string;
  /** Address of the API server. */
  readonly server: string;
  /** How often it looks at every cluster. Default: its own. */
  readonly resyncSeconds?: number;
}

const root = join(import.meta.dirname, '..', '..');
const command = [...nodeFlags, join(root, 'operator', 'main.ts')];
const startMs = 60_000;

/** Starts operator/main.ts as the image does. */
export async function startOperator({
  folder,
  server,
  resyncSeconds,
}: OperatorSettings): Promise<OperatorProcess> {
  mkdirSync(folder, { recursive: true });
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(server)));
  const [port] = (await freePorts(1)) as [number];
  const child = new Child({
    name: 'operator',
    command: process.execPath,
    args: command,
    folder,
    env: {
      NODE_COMPILE_CACHE: compile(join(folder, 'compiled')),
      KUBECONFIG: kubeconfig,
      POD_NAMESPACE: 'chaincluster',
      ADMIN_HOST: '127.0.0.1',
      ADMIN_PORT: String(port),
      DEFAULT_IMAGE: 'registry.example/chaincluster:1.0.0',
      ...(resyncSeconds !== undefined && { RESYNC_SECONDS: String(resyncSeconds) }),
    },
  });
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  return {
    child,
    async metrics() {
      child.mustRun();
      return parseMetrics(await (await ask('/metrics')).text());
    },
    ready: () =>
      until('complete caches of the operator', startMs, async () => {
        child.mustRun();
        return (await ask('/readyz').catch(() => undefined))?.ok === true;
      }),
  };
}

/** As the Dockerfile does: it finds no API server and ends, with everything loaded and compiled. */
function compile(folder: string): string {
  const env = { ...process.env, NODE_COMPILE_CACHE: folder, KUBECONFIG: '', HOME: folder };
  spawnSync(process.execPath, command, { env: { ...env, KUBERNETES_SERVICE_HOST: '' }, stdio: 'ignore' });
  return folder;
}

function kubeconfigOf(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'simulated', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'operator', user: { token: 'simulated' } }],
    contexts: [{ name: 'simulated', context: { cluster: 'simulated', user: 'operator' } }],
    'current-context': 'simulated',
  };
}
