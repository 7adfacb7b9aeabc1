/** Faults of processes: killed, suspended, replaced by blank ones, restarted in order, added and taken away. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Rig } from '../rig/rig.ts';

/** How long a cluster may take to be whole again before a fault that needs it whole is left out. */
const wholeMs = 20_000;
/** After so long every chain without a member that is gone says so. */
const noticedMs = 2000;
/** How long a replaced node may take to hold everything again. */
const copiedMs = 90_000;

export async function kill(rig: Rig, names: readonly string[], ms: number): Promise<void> {
  await Promise.all(names.map((name) => rig.kill(name)));
  await sleep(ms);
  for (const name of names) rig.revive(name);
}

/** Longer than a lease, often: what it does when it wakes up is of another time. */
export async function suspend(rig: Rig, name: string, ms: number): Promise<void> {
  rig.child(name).signal('SIGSTOP');
  await sleep(ms);
  rig.child(name).signal('SIGCONT');
}

/**
 * Its data is gone for good, so all others must have theirs: one at a time, and only when every chain is full. It may be
 * killed again while it copies. Resolves when it holds everything again. Returns why it was left out; '' = it was not.
 */
export async function replace(
  rig: Rig,
  name: string,
  awayMs: number,
  inTurn: (work: () => Promise<string>) => Promise<string>,
): Promise<string> {
  const leftOut = await inTurn(async () => {
    if (!(await rig.full(wholeMs))) return 'chains were not full before it';
    await rig.kill(name);
    await rig.empty(name);
    await sleep(awayMs);
    rig.revive(name);
    return '';
  });
  if (leftOut !== '') return leftOut;
  // The old chains may still look full: their members have not noticed yet.
  await sleep(noticedMs);
  await rig.full(copiedMs);
  return '';
}

export async function rollingRestart(rig: Rig): Promise<void> {
  for (const { name } of rig.nodes) {
    await rig.restart(name);
    await rig.full(wholeMs);
  }
}

export async function scaleOutAndIn(rig: Rig, ms: number): Promise<string> {
  if (!(await rig.full(wholeMs))) return 'chains were not full before it';
  const name = await rig.scaleOut();
  if (name === null) return 'there is no place for one more';
  await rig.full(copiedMs);
  await sleep(ms);
  if (!(await rig.full(wholeMs))) await rig.full(copiedMs);
  await rig.scaleIn(name);
  await rig.full(copiedMs);
  return '';
}
