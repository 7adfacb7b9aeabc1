/** `topology`: every chain with its members in order and how far each is. */
import { type ClusterStatus, clusterStatus } from '../client/cluster.ts';
import type { Context } from './context.ts';
import { UsageError } from './exit.ts';
import { print, tableOf } from './output.ts';
import { type ReplicaState, readReplicas } from './replicas.ts';
import { type Settings, wholeNumberOf } from './settings.ts';

interface MemberRow {
  readonly node: string;
  readonly role: string;
  /** Null when the node does not say. */
  readonly replica: ReplicaState | null;
}

interface ChainRow {
  readonly slot: number;
  readonly version: number;
  readonly members: readonly MemberRow[];
  readonly joiner: string | null;
  readonly serving: number;
  readonly desired: number;
  /** The last change, or what keeps the chain from being whole. */
  readonly why: string;
}

export async function topology({ settings, flags, world }: Context): Promise<void> {
  const status = await clusterStatus(settings);
  const replicas = await readReplicas(status.nodes, settings.timeoutMs);
  const chains = chosen(status, flags.slot).map((chain) => rowOf(chain, replicas));
  print(world.stdout, settings.format ?? 'table', {
    data: {
      clusterId: status.clusterId,
      epoch: status.epoch,
      revision: status.revision,
      leader: status.leader,
      chains: chains.map(dataOf),
    },
    table: () =>
      `${tableOf(
        header,
        chains.map((row) => cellsOf(row, settings)),
      )}\n\n${summaryOf(status)}`,
    value: () =>
      chains.map(({ slot, members }) => `${slot} ${members.map(({ node }) => node).join(' ')}\n`).join(''),
  });
}

/** `64 chains: 62 full, 2 degraded, 0 unavailable`. */
export function summaryOf({ chains, epoch, leader }: ClusterStatus): string {
  const full = chains.filter((c) => c.serving >= c.desired).length;
  const unavailable = chains.filter((c) => c.serving === 0).length;
  const degraded = chains.length - full - unavailable;
  const counts = `${full} full, ${degraded} degraded, ${unavailable} unavailable`;
  return `${chains.length} chains: ${counts}; epoch ${epoch}, led by ${leader || 'nobody'}`;
}

const header = ['SLOT', 'VERSION', 'HEAD', 'MIDDLE', 'TAIL', 'STATE', 'COMMITTED', 'PENDING'];

type Chain = ClusterStatus['chains'][number];

function chosen({ chains }: ClusterStatus, slot: string | undefined): readonly Chain[] {
  if (slot === undefined) return chains;
  if (chains.length === 0) throw new UsageError('--slot: the cluster has no chains yet');
  const wanted = wholeNumberOf('--slot', slot, { min: 0, max: chains.length - 1 });
  return chains.filter(({ assignment }) => assignment.slot === wanted);
}

function rowOf(
  { assignment, serving, desired, why }: Chain,
  replicas: Map<string, Map<number, ReplicaState>>,
): ChainRow {
  const { slot, version, members, joiner } = assignment;
  const last = members.length - 1;
  const role = (i: number): string =>
    last === 0 ? 'alone' : i === 0 ? 'head' : i === last ? 'tail' : 'middle';
  return {
    slot,
    version,
    members: members.map(({ node }, i) => ({
      node,
      role: role(i),
      replica: replicas.get(node)?.get(slot) ?? null,
    })),
    joiner: joiner?.node ?? null,
    serving,
    desired,
    why,
  };
}

function cellsOf(
  { slot, version, members, joiner, serving, desired }: ChainRow,
  { colour }: Settings,
): string[] {
  const [first, ...rest] = members;
  const tail = rest.pop();
  const state =
    serving === 0
      ? colour('red', 'unavailable')
      : serving < desired
        ? colour('yellow', `${serving}/${desired} serving`)
        : colour('green', 'full');
  const committed = Math.max(-1, ...members.map(({ replica }) => replica?.commit ?? -1));
  const end = first?.replica?.end;
  return [
    `${slot}`,
    `${version}`,
    first?.node ?? '-',
    rest.map(({ node }) => node).join(',') || '-',
    tail?.node ?? (first === undefined ? '-' : `${first.node} (alone)`),
    joiner === null ? state : `${state}, ${joiner} joins`,
    committed < 0 ? '?' : `${committed}`,
    end === undefined || committed < 0 ? '?' : `${Math.max(0, end - committed)}`,
  ];
}

function dataOf({ members, ...chain }: ChainRow) {
  return {
    ...chain,
    members: members.map(({ node, role, replica }) => ({
      node,
      role,
      serving: replica?.serving ?? null,
      end: replica?.end ?? null,
      disk: replica?.disk ?? null,
      commit: replica?.commit ?? null,
    })),
  };
}
