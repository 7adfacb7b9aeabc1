/** What nodes say about their own replicas, from their admin servers. */
import type { NodeStatus } from '../client/cluster.ts';

/** One replica as its node's `/state` shows it; all marks are sequences. */
export interface ReplicaState {
  readonly slot: number;
  readonly version: number;
  readonly role: string;
  readonly serving: boolean;
  /** End of its log, what of it is on its disk, and what is committed. */
  readonly end: number;
  readonly disk: number;
  readonly commit: number;
}

/** By node and slot; a node that does not answer in time is left out. */
export async function readReplicas(
  nodes: readonly NodeStatus[],
  timeoutMs: number,
): Promise<Map<string, Map<number, ReplicaState>>> {
  const found = new Map<string, Map<number, ReplicaState>>();
  await Promise.all(
    nodes.map(async ({ node, place }) => {
      const state = await readAdmin<{ replicas?: ReplicaState[] }>(place.admin, timeoutMs);
      if (state?.replicas) found.set(node, new Map(state.replicas.map((each) => [each.slot, each])));
    }),
  );
  return found;
}

/** `/state` of an admin server, null when it does not answer. */
export async function readAdmin<T>(address: string, timeoutMs: number): Promise<T | null> {
  try {
    const signal = AbortSignal.timeout(Math.min(timeoutMs, 2000));
    const answer = await fetch(`http://${address}/state`, { signal });
    return answer.ok ? ((await answer.json()) as T) : null;
  } catch {
    return null;
  }
}
