/** A ChainCluster of the stories, and what can be seen of it. */
import { apply, find, get, type KubeObject, kubectl, list, until } from './kubectl.ts';
import { settings } from './settings.ts';

export interface ClusterSpec {
  readonly [field: string]: unknown;
  readonly nodes?: number;
}

/** What the leading coordinator says (protocol/coordinator/contract.ts). */
export interface View {
  readonly leading: boolean;
  readonly name: string;
  readonly clusterId: string;
  readonly epoch: number;
  readonly waiting: string;
  readonly chains: readonly {
    readonly slot: number;
    readonly full: boolean;
    readonly members: readonly { readonly node: string; readonly role: string; readonly state: string }[];
  }[];
}

const adminPort = { node: 7402, coordinator: 7412 } as const;

export class Cluster {
  readonly namespace: string;
  readonly name: string;

  constructor(namespace: string, name: string) {
    this.namespace = namespace;
    this.name = name;
  }

  manifest(spec: ClusterSpec = {}): object {
    return {
      apiVersion: 'chaincluster.dev/v1alpha1',
      kind: 'ChainCluster',
      metadata: { name: this.name, namespace: this.namespace },
      spec: {
        slots: 16,
        image: settings.image,
        storage: { size: '1Gi', retention: { whenDeleted: 'Delete', whenScaled: 'Delete' } },
        // Small, so that several clusters fit on a machine that runs tests.
        resources: { requests: { cpu: '50m', memory: '192Mi' }, limits: { memory: '512Mi' } },
        coordinatorResources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
        ...spec,
      },
    };
  }

  async apply(spec: ClusterSpec = {}): Promise<void> {
    await apply(this.manifest(spec));
  }

  async patch(spec: object): Promise<void> {
    await this.merge({ spec });
  }

  async annotate(annotations: Record<string, string | null>): Promise<void> {
    await this.merge({ metadata: { annotations } });
  }

  async merge(patch: object): Promise<void> {
    await kubectl([
      'patch',
      '-n',
      this.namespace,
      'chaincluster',
      this.name,
      '--type=merge',
      '-p',
      JSON.stringify(patch),
    ]);
  }

  resource(): Promise<KubeObject> {
    return get(this.namespace, 'chaincluster', this.name);
  }

  async exists(): Promise<boolean> {
    return (await find(this.namespace, 'chaincluster', this.name)) !== undefined;
  }

  /** Status of a condition of this very generation; undefined while the operator has not come to it. */
  async condition(type: string): Promise<{ status: string; reason: string; message: string } | undefined> {
    const { metadata, status } = await this.resource();
    if (status?.observedGeneration !== metadata.generation) return undefined;
    return status.conditions?.find((condition: { type: string }) => condition.type === type);
  }

  /** Waits until the operator says that all is as the resource wants. Returns the seconds that it took. */
  async ready(seconds = 180): Promise<number> {
    const began = performance.now();
    let last = 'it has no status yet';
    await until(`${this.namespace}/${this.name} is Ready`, seconds, async () => {
      const ready = await this.condition('Ready');
      if (ready !== undefined) last = `${ready.reason}: ${ready.message}`;
      return ready?.status === 'True' ? true : undefined;
    }).catch((error: Error) => {
      throw new Error(`${error.message}; it says ${last}`);
    });
    return (performance.now() - began) / 1000;
  }

  pods(component: 'node' | 'coordinator'): Promise<KubeObject[]> {
    return list(
      this.namespace,
      'pods',
      `app.kubernetes.io/instance=${this.name},app.kubernetes.io/component=${component}`,
    );
  }

  /** What /state of the admin server of a pod says. Goes through the API server, which must be there. */
  async state(pod: string, component: 'node' | 'coordinator'): Promise<unknown> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${pod}:${adminPort[component]}/proxy/state`;
    return JSON.parse(await kubectl(['get', '--raw', path], { timeoutMs: 10_000 }));
  }

  /** The view of the coordinator that leads. */
  view(): Promise<View> {
    return until('a coordinator that leads', 60, async () => {
      for (const pod of await this.pods('coordinator')) {
        const view = (await this.state(pod.metadata.name, 'coordinator').catch(() => undefined)) as
          | View
          | undefined;
        if (view?.leading === true) return view;
      }
      return undefined;
    });
  }

  /** Pods of the members of a slot's chain, head first. */
  async chain(slot: number): Promise<string[]> {
    const chain = (await this.view()).chains.find((each) => each.slot === slot);
    if (chain === undefined) throw new Error(`no chain of slot ${slot}`);
    return chain.members.map(({ node }) => node);
  }

  /** Kills or ends pods; by default as `kubectl delete pod` does, with time to leave the chains. */
  async deletePods(names: readonly string[], ...flags: string[]): Promise<void> {
    await kubectl(['delete', 'pod', '-n', this.namespace, ...names, '--wait=false', ...flags]);
  }

  /** Waits until a pod of that name with another identity is ready. */
  async replaced(pod: KubeObject, seconds = 120): Promise<void> {
    const { name, uid } = pod.metadata;
    await until(`a new ${name} is ready`, seconds, async () => {
      const now = await find(this.namespace, 'pod', name);
      if (now === undefined || now.metadata.uid === uid) return undefined;
      return isReady(now) ? true : undefined;
    });
  }

  async delete(seconds = 120): Promise<void> {
    await kubectl([
      'delete',
      'chaincluster',
      '-n',
      this.namespace,
      this.name,
      '--ignore-not-found',
      '--wait=false',
    ]);
    await until(`${this.namespace}/${this.name} and its pods are gone`, seconds, async () => {
      if (await this.exists()) return undefined;
      const pods = [...(await this.pods('node')), ...(await this.pods('coordinator'))];
      return pods.length === 0 ? true : undefined;
    });
  }
}

export function isReady(pod: KubeObject): boolean {
  const conditions = (pod.status?.conditions ?? []) as { type: string; status: string }[];
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}
