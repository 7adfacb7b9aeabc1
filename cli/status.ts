/** `status`: nodes, who leads, and what the cluster waits for. */
import { type ClusterStatus, clusterStatus } from '../client/cluster.ts';
import type { Context } from './context.ts';
import { print, tableOf } from './output.ts';
import { readAdmin } from './replicas.ts';
import type { Settings } from './settings.ts';
import { summaryOf } from './topology.ts';

export async function status({ settings, world }: Context): Promise<void> {
  const found = await clusterStatus(settings);
  const waiting = await waitingOf(found, settings);
  const nodes = await Promise.all(
    found.nodes.map(async (node) => ({
      ...node,
      ...countsOf(found, node.node),
      says: await saidBy(node, settings),
    })),
  );
  print(world.stdout, settings.format ?? 'table', {
    data: {
      clusterId: found.clusterId,
      epoch: found.epoch,
      revision: found.revision,
      leader: found.leader,
      waiting,
      chains: chainCounts(found),
      nodes: nodes.map(({ place, ...node }) => ({ ...node, ...place })),
    },
    table: () =>
      [
        tableOf(
          header,
          nodes.map((n) => [
            n.node,
            healthOf(n, settings),
            n.admitted ? 'yes' : 'no',
            `${n.chains}`,
            `${n.heads}`,
            `${n.tails}`,
            n.place.address,
            n.place.admin,
            n.place.zone || '-',
          ]),
        ),
        '',
        summaryOf(found),
        ...notFull(found),
        ...nodes.flatMap(({ node, says }) => (says === '' ? [] : [`${node} says: ${says}`])),
        waiting === '' ? [] : `waiting: ${waiting}`,
      ]
        .flat()
        .join('\n'),
    value: () =>
      chainCounts(found).unavailable > 0
        ? 'unavailable'
        : chainCounts(found).degraded > 0
          ? 'degraded'
          : 'full',
  });
}

const header = ['NODE', 'HEALTH', 'READY', 'CHAINS', 'HEADS', 'TAILS', 'LINKS', 'ADMIN', 'ZONE'];
const reasonsShown = 8;

type Node = ClusterStatus['nodes'][number];

function healthOf({ health, leaving, left, failed, silentMs, why }: Node, { colour }: Settings): string {
  if (failed !== '') return colour('red', `store failed: ${failed}`);
  if (why !== '')
    return colour(
      health === 'dead' ? 'red' : 'yellow',
      `${health === 'dead' ? 'dead' : 'held back'}: ${why}`,
    );
  if (health === 'dead') return colour('red', `dead, silent for ${Math.round(silentMs / 1000)} s`);
  if (leaving) return colour('yellow', left ? 'drained' : 'draining');
  return health === 'healthy' ? colour('green', health) : colour('yellow', health);
}

function countsOf({ chains }: ClusterStatus, name: string) {
  const placed = chains.map(({ assignment }) => assignment.members.findIndex(({ node }) => node === name));
  const last = (i: number): number => (chains[i]?.assignment.members.length ?? 0) - 1;
  return {
    chains: placed.filter((at) => at >= 0).length,
    heads: placed.filter((at) => at === 0).length,
    tails: placed.filter((at, i) => at >= 0 && at === last(i)).length,
  };
}

function chainCounts({ chains }: ClusterStatus) {
  const full = chains.filter((c) => c.serving >= c.desired).length;
  const unavailable = chains.filter((c) => c.serving === 0).length;
  return { total: chains.length, full, degraded: chains.length - full - unavailable, unavailable };
}

/** Chains with the same reason in one line. */
function notFull({ chains }: ClusterStatus): string[] {
  const reasons = new Map<string, number[]>();
  for (const { assignment, serving, desired, why } of chains) {
    if (serving >= desired) continue;
    const reason = why || `${serving} of ${desired} members serve`;
    reasons.set(reason, [...(reasons.get(reason) ?? []), assignment.slot]);
  }
  const lines = [...reasons].map(
    ([reason, slots]) => `  ${slots.length} not full (slot ${someOf(slots)}): ${reason}`,
  );
  return lines.length <= reasonsShown
    ? lines
    : [
        ...lines.slice(0, reasonsShown),
        `  and ${lines.length - reasonsShown} more; chainctl topology shows all`,
      ];
}

const someOf = (slots: readonly number[]): string =>
  slots.length <= 4 ? slots.join(', ') : `${slots.slice(0, 3).join(', ')}, ...`;

/** Why a node is not ready, and that its store was set aside, in its own words; '' when it says nothing. */
async function saidBy({ place, admitted }: Node, { timeoutMs }: Settings): Promise<string> {
  const state = await readAdmin<{ notReady?: string; aside?: string }>(place.admin, timeoutMs);
  // A node hears that it is admitted a moment after the coordinator decided so.
  return (admitted ? state?.aside : state?.notReady) ?? '';
}

/** What the leader says that it waits for; '' when it says nothing or cannot be reached from here. */
async function waitingOf({ leader }: ClusterStatus, { timeoutMs }: Settings): Promise<string> {
  const at = leader.lastIndexOf(':');
  if (at < 0) return '';
  const admin = `${leader.slice(0, at)}:${Number(leader.slice(at + 1)) + 2}`;
  return (await readAdmin<{ waiting?: string }>(admin, timeoutMs))?.waiting ?? '';
}
