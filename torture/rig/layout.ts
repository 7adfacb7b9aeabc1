/** A cluster of real processes of which every one is reached through a proxy of its own. */
import { type Layout, layOut, localHost, type ProcessPlan } from '../../local/layout.ts';
import { parseManifest } from '../../manifest/parse.ts';
import type { ChainCluster } from '../../manifest/types.ts';

export interface RigPlan {
  readonly folder: string;
  readonly basePort: number;
  readonly nodes: number;
  /** Nodes for which there is a place, so that the cluster can be scaled out. */
  readonly places: number;
  readonly coordinators: number;
  readonly slots: number;
  readonly durability: 'fsync' | 'os';
}

/** Where the proxy of a process listens: in the same ten ports. */
export const proxyPort = (plan: ProcessPlan): number => plan.ports.link + 5;

export interface Laid {
  /** As the manifest says it, with this many nodes. */
  readonly cluster: (nodes: number) => ChainCluster;
  /** With all places. Coordinators have the addresses of their proxies. */
  readonly layout: Layout;
}

export function layOutRig(plan: RigPlan): Laid {
  const cluster = (nodes: number): ChainCluster =>
    parseManifest(manifestOf(plan, nodes), 'torture.yaml').cluster;
  const layout = layOut(cluster(plan.places), 'torture.yaml', plan.folder);
  const coordinators = layout.coordinators.map((each) => ({
    ...each,
    address: `${localHost}:${proxyPort(each)}`,
  }));
  return { cluster, layout: { ...layout, coordinators } };
}

const manifestOf = (plan: RigPlan, nodes: number): string => `
apiVersion: chaincluster.dev/v1alpha1
kind: ChainCluster
metadata: {name: torture}
spec:
  nodes: ${nodes}
  slots: ${plan.slots}
  coordinators: ${plan.coordinators}
  durability: ${plan.durability}
  local: {basePort: ${plan.basePort}, dataDir: ${JSON.stringify(plan.folder)}}
`;
