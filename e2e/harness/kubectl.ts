/** The Kubernetes API as people use it: through kubectl. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandOptions, run } from './run-command.ts';

/** Its standard output. @throws Error with what kubectl said. */
export async function kubectl(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return (await run(['kubectl', ...args], { timeoutMs: 60_000, ...options })).stdout;
}

/** What of an object the stories look at. */
export interface KubeObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly generation?: number;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: raw JSON of any kind; the stories say which
  readonly [field: string]: any;
}

export async function get(namespace: string, kind: string, name: string): Promise<KubeObject> {
  return JSON.parse(await kubectl(['get', '-n', namespace, kind, name, '-o', 'json'])) as KubeObject;
}

export async function find(namespace: string, kind: string, name: string): Promise<KubeObject | undefined> {
  const text = await kubectl(['get', '-n', namespace, kind, name, '-o', 'json', '--ignore-not-found']);
  return text.trim() === '' ? undefined : (JSON.parse(text) as KubeObject);
}

export async function list(namespace: string, kind: string, selector = ''): Promise<KubeObject[]> {
  const chosen = selector === '' ? [] : ['-l', selector];
  const text = await kubectl(['get', '-n', namespace, kind, ...chosen, '-o', 'json']);
  return (JSON.parse(text) as { items: KubeObject[] }).items;
}

/** Applies manifests given as objects. */
export async function apply(...objects: object[]): Promise<string> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  return kubectl(['apply', '-f', '-'], { input });
}

/** A namespace that lets in only pods of the restricted profile. */
export function restrictedNamespace(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  };
}

/**
 * Asks again until `look` gives something else than undefined.
 * @throws Error with `what`, and with the last error of `look`
 */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  let last = '';
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
      last = '';
    } catch (error) {
      last = ` (${(error as Error).message})`;
    }
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}${last}`);
    await sleep(300);
  }
}
