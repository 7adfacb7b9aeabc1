/** A pod of load against a cluster, and the verdict over what its clients saw. */
import { checkHistory } from '../../sim/checker/check.ts';
import type { HistoryRecord } from '../../sim/checker/history.ts';
import type { Section } from '../load/figures.ts';
import type { MembersReport } from '../load/wide.ts';
import type { Cluster } from './cluster.ts';
import { apply, find, kubectl, until } from './kubectl.ts';
import { settings } from './settings.ts';

export interface LoadOptions {
  readonly rate?: number;
  readonly clients?: number;
  readonly keys?: number;
  /** Begins the keys, so that several loads can share them; by default the pod's name. */
  readonly prefix?: string;
  /** Machine to run on. */
  readonly machine?: string;
  /** Storage node to which every call goes. */
  readonly node?: string;
  readonly timeoutMs?: number;
  /** Writers over many keys beside the clients; `members` tells what became of their writes. */
  readonly writers?: number;
  /** Keys of those writers. @default 1000 */
  readonly wideKeys?: number;
}

export class Load {
  readonly #cluster: Cluster;
  readonly pod: string;

  private constructor(cluster: Cluster, pod: string) {
    this.#cluster = cluster;
    this.pod = pod;
  }

  /** Resolves when calls succeed. */
  static async start(cluster: Cluster, pod: string, options: LoadOptions = {}): Promise<Load> {
    await apply(podOf(cluster, pod, options));
    const load = new Load(cluster, pod);
    await until(`the load ${pod} is under way`, 60, async () => {
      const sections = await load.figures();
      const calls = sections.reduce((sum, { calls, failed, unknown }) => sum + calls - failed - unknown, 0);
      return calls >= 50 ? true : undefined;
    });
    await load.mark('steady');
    return load;
  }

  /** Begins a new section of the figures. */
  async mark(name: string): Promise<void> {
    await this.#ask(`mark?name=${encodeURIComponent(name)}`);
  }

  async figures(): Promise<Section[]> {
    return JSON.parse(await this.#ask('figures')) as Section[];
  }

  /** Acknowledged writes of the many writers, once each of their keys was written. */
  async written(): Promise<number> {
    return Number(await this.#ask('wide', 180_000));
  }

  /**
   * Ends the many writers, reads every member of every chain by itself, and compares all with one another and with what
   * was acknowledged. @throws Error with what is missing where
   */
  async membersAgree(replicas = 3): Promise<MembersReport> {
    const look = async () =>
      JSON.parse(await this.#ask(`members?replicas=${replicas}`, 180_000)) as MembersReport;
    let report = await look();
    // On a busy machine a member may have left meanwhile, and be on its way back.
    const incomplete = () => report.missing.length > 0 && report.wrong.length + report.different.length === 0;
    for (let again = 0; again < 3 && incomplete(); again++) {
      await this.#cluster.ready();
      report = await look();
    }
    const { wrong, different, missing } = report;
    const lines = [
      ...wrong.map((line) => `lost or wrong: ${line}`),
      ...different.map((line) => `different: ${line}`),
      ...missing.map((line) => `missing: ${line}`),
    ];
    if (lines.length > 0) throw new Error(`members do not agree:\n  ${lines.join('\n  ')}`);
    return report;
  }

  /** Ends the load and takes its history. */
  async stop(): Promise<{ sections: Section[]; records: HistoryRecord[] }> {
    await this.#ask('stop', 120_000);
    const text = await this.#ask('history', 60_000);
    const records = text.split('\n').map((line) => {
      const record = JSON.parse(line) as HistoryRecord;
      return { ...record, ret: record.ret ?? Number.POSITIVE_INFINITY };
    });
    return { sections: await this.figures(), records };
  }

  async remove(): Promise<void> {
    await kubectl([
      'delete',
      'pod',
      '-n',
      this.#cluster.namespace,
      this.pod,
      '--ignore-not-found',
      '--grace-period=1',
      '--wait=false',
    ]);
    await until(`the load ${this.pod} is gone`, 60, async () =>
      (await find(this.#cluster.namespace, 'pod', this.pod)) === undefined ? true : undefined,
    );
  }

  #ask(path: string, timeoutMs = 10_000): Promise<string> {
    const url = `/api/v1/namespaces/${this.#cluster.namespace}/pods/${this.pod}:8080/proxy/${path}`;
    return kubectl(['get', '--raw', url], { timeoutMs });
  }
}

/** @throws Error with the key and the calls that no order explains. */
export function mustBeLinearizable(records: readonly HistoryRecord[]): void {
  const verdict = checkHistory([...records].sort((a, b) => a.call - b.call));
  if (verdict.ok === true) return;
  const calls = verdict.operations.map((record) => `  ${JSON.stringify(record)}`).join('\n');
  throw new Error(
    `${verdict.ok === false ? 'not linearizable' : 'no verdict'}: key ${verdict.key}: ${verdict.reason}\n${calls}`,
  );
}

const run = Date.now().toString(36);

function podOf(cluster: Cluster, name: string, options: LoadOptions): object {
  const { rate = 150, clients = 24, keys = 48, prefix = name, timeoutMs = 10_000 } = options;
  const { machine, node, writers = 0, wideKeys = 1000 } = options;
  // A cluster that is kept holds the keys of earlier runs, which the checker knows nothing of.
  const flags = {
    rate,
    clients,
    keys,
    prefix: `${prefix}/${run}/`,
    timeout: timeoutMs,
    writers,
    'wide-keys': wideKeys,
    ...(node !== undefined && { node }),
  };
  const endpoints = [
    `${cluster.name}.${cluster.namespace}.svc:7400`,
    `${cluster.name}-nodes.${cluster.namespace}.svc:7400`,
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: cluster.namespace, labels: { 'app.kubernetes.io/name': 'e2e-load' } },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      ...(machine !== undefined && { nodeSelector: { 'kubernetes.io/hostname': machine } }),
      // A machine that is cut off for a while keeps its load.
      tolerations: ['not-ready', 'unreachable'].map((what) => ({
        key: `node.kubernetes.io/${what}`,
        operator: 'Exists',
        effect: 'NoExecute',
      })),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        {
          name: 'load',
          image: settings.loadImage,
          imagePullPolicy: 'IfNotPresent',
          command: [
            'node',
            'e2e/load/main.ts',
            ...endpoints.map((endpoint) => `--endpoint=${endpoint}`),
            ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
          ],
          resources: { requests: { cpu: '50m', memory: '96Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    },
  };
}
