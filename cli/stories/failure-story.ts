/** Stories of nodes that go: killed without warning, drained, and restarted in order, while every slot is under load. */
import { setTimeout as sleep } from 'node:timers/promises';
import { drainNode } from '../../client/cluster.ts';
import type { Lab } from './lab.ts';
import { type Load, startLoad } from './load.ts';

export interface KillFigures {
  /** For each kill: time until every slot was written again, in ms. */
  readonly resumedMs: readonly number[];
  /** For each kill: the longest time that reads of any slot had no answer, in ms. */
  readonly readPauseMs: readonly number[];
  readonly writes: number;
  readonly reads: number;
}

const stopMsMax = 30_000;

/**
 * Kills one node after the other, each time waiting until its place is filled again. The node stays away until every slot
 * was written without it. @throws Error when a call failed, or when something acknowledged is not there
 */
export async function tellKillStory(
  lab: Lab,
  kills: number,
  tell: (line: string) => void,
): Promise<KillFigures> {
  const load = await startLoad(lab.endpoints, lab.layout.slots);
  const resumedMs: number[] = [];
  const readPauseMs: number[] = [];
  for (let i = 0; i < kills; i++) {
    await sleep(500);
    const victim = lab.child(lab.layout.nodes[i % lab.layout.nodes.length]?.name ?? '');
    victim.hold();
    const since = performance.now();
    victim.signal('SIGKILL');
    const resumed = await load.resumedAfter(since);
    await sleep(300);
    const readPause = load.readPause(since);
    victim.start();
    await lab.full();
    resumedMs.push(resumed);
    readPauseMs.push(readPause);
    tell(
      `killed ${victim.plan.name}: all slots written again after ${Math.round(resumed)} ms, ` +
        `longest read ${Math.round(readPause)} ms`,
    );
  }
  await endWithoutFailure(load);
  return { resumedMs, readPauseMs, writes: load.writes, reads: load.reads };
}

export interface PlannedFigures {
  readonly writes: number;
  readonly reads: number;
}

/** Drains a node, restarts it, lets it back; then restarts another one without a drain. @throws Error when a call failed */
export async function tellPlannedStory(lab: Lab, tell: (line: string) => void): Promise<PlannedFigures> {
  const load = await startLoad(lab.endpoints, lab.layout.slots);
  const [first = '', second = ''] = lab.layout.nodes.map(({ name }) => name);
  await sleep(500);
  await drained(lab, first);
  tell(`drained ${first}`);
  await restart(lab, first);
  await order(lab, first, true);
  await lab.full();
  tell(`restarted ${first} and let it back`);
  await restart(lab, second);
  await lab.full();
  tell(`restarted ${second} without a drain`);
  await endWithoutFailure(load);
  return { writes: load.writes, reads: load.reads };
}

const order = ({ endpoints }: Lab, node: string, cancel: boolean) =>
  drainNode({ endpoints, timeoutMs: 10_000, node, cancel });

async function drained(lab: Lab, node: string): Promise<void> {
  const until = performance.now() + stopMsMax;
  while (!(await order(lab, node, false)).left) {
    if (performance.now() > until) throw new Error(`${node} is still in chains after ${stopMsMax / 1000} s`);
    await sleep(100);
  }
}

async function restart(lab: Lab, node: string): Promise<void> {
  await lab.child(node).stop('SIGTERM', stopMsMax);
  lab.child(node).start();
}

async function endWithoutFailure(load: Load): Promise<void> {
  await load.end();
  if (load.failures.length > 0)
    throw new Error(`${load.failures.length} calls failed, the first: ${load.failures[0]}`);
}

/** The middle of sorted figures. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
