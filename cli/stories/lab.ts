/** A local cluster for stories: real processes in a folder of their own, on ports that are free. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LocalCluster, startCluster } from '../../local/cluster.ts';
import { layOut } from '../../local/layout.ts';
import { LocalError } from '../../local/local-error.ts';
import type { Reporter } from '../../local/report.ts';
import { parseManifest } from '../../manifest/parse.ts';
import { readAdmin } from '../replicas.ts';

export interface Lab extends LocalCluster {
  readonly folder: string;
  /** Resolves when every chain has all of its members. */
  full(): Promise<void>;
  /** Events in the log of a process, the oldest first. */
  events(name: string): Promise<{ readonly event: string; readonly time: string }[]>;
  /** Stops the cluster and removes its folder. */
  end(): Promise<void>;
}

interface View {
  readonly leading: boolean;
  readonly chains: readonly { readonly full: boolean }[];
}

const attempts = 20;
const fullMsMax = 60_000;

/** Starts it; `report` hears what happens. */
export async function startLab({ nodes = 3, report }: { nodes?: number; report: Reporter }): Promise<Lab> {
  const folder = await mkdtemp(join(tmpdir(), 'chaincluster-story-'));
  for (let attempt = 1; ; attempt++)
    try {
      return labOf(await startOn(portsFrom(attempt), folder, nodes, report), folder);
    } catch (error) {
      if (attempt < attempts && error instanceof LocalError && error.message.includes('is in use')) continue;
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
}

/** Below what systems give to outgoing connections. */
const portsFrom = (attempt: number): number => 10_000 + ((process.pid * 7 + attempt * 131) % 1800) * 10;

function startOn(basePort: number, folder: string, nodes: number, report: Reporter): Promise<LocalCluster> {
  const manifest = `
apiVersion: chaincluster.dev/v1alpha1
kind: ChainCluster
metadata: {name: story}
spec:
  nodes: ${nodes}
  local: {basePort: ${basePort}, dataDir: ${JSON.stringify(folder)}}
`;
  const { cluster } = parseManifest(manifest, 'story.yaml');
  return startCluster({ cluster, layout: layOut(cluster, 'story.yaml', folder), report });
}

function labOf(cluster: LocalCluster, folder: string): Lab {
  const { layout, endpoints } = cluster;
  return {
    layout,
    endpoints,
    folder,
    kill: (name) => cluster.kill(name),
    child: (name) => cluster.child(name),
    stop: () => cluster.stop(),
    async full() {
      const until = performance.now() + fullMsMax;
      for (;;) {
        const views = await Promise.all(
          layout.coordinators.map(({ ports }) => readAdmin<View>(`127.0.0.1:${ports.admin}`, 1000)),
        );
        const chains = views.find((view) => view?.leading === true)?.chains ?? [];
        if (chains.length === layout.slots && chains.every((chain) => chain.full)) return;
        if (performance.now() > until) throw new Error(`chains are not full after ${fullMsMax / 1000} s`);
        await sleep(50);
      }
    },
    async events(name) {
      const text = await readFile(cluster.child(name).plan.logFile, 'utf8');
      return text.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
    },
    async end() {
      await cluster.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
