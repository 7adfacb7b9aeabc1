/** One run of torture, from the start of its processes to the verdict. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../sim/random.ts';
import { Carrier, type Done } from './faults/carry-out.ts';
import { mountSmallDisk, unmount } from './faults/disk.ts';
import type { Fault } from './faults/plan.ts';
import { Load } from './load/load.ts';
import { type Compared, compareMembers } from './load/verify.ts';
import { judge } from './report/judge.ts';
import { grown, watch } from './report/watch.ts';
import type { RigPlan } from './rig/layout.ts';
import { Rig } from './rig/rig.ts';

export interface TortureOptions {
  readonly seed: number;
  readonly lastsMs: number;
  readonly plan: RigPlan;
  readonly faults: readonly Fault[];
  /** Operations a second, when all is well. */
  readonly rate: number;
  readonly clients: number;
  /** Whether a small disk is mounted for one node, where that is allowed. */
  readonly smallDisk: boolean;
  readonly tell: (line: string) => void;
}

export interface TortureResult {
  readonly operations: number;
  readonly acknowledgedPerSecond: number;
  readonly endings: ReadonlyMap<string, number>;
  readonly lists: number;
  readonly done: readonly Done[];
  readonly compared: Compared | null;
  /** What is wrong, in sentences; empty = the store kept its promises. */
  readonly wrong: readonly string[];
  readonly undecided: readonly string[];
  /** Too little was acknowledged between the faults to say anything. */
  readonly isVoid: boolean;
}

export const acknowledgedPerSecondMin = 100;
const smallDiskMebibytes = 192;
/** Until every chain must be full again when faults have ended. */
const healMs = 120_000;
/** Until what a process held for its work is given back. */
const restMs = 3000;

/** @throws Error when the cluster could not be started */
export async function torture(options: TortureOptions): Promise<TortureResult> {
  const { plan, tell } = options;
  await mkdir(plan.folder, { recursive: true });
  const small = join(plan.folder, 'nodes', 'node-2');
  const notMounted = options.smallDisk
    ? await mountSmallDisk(small, smallDiskMebibytes)
    : 'none was asked for';
  if (notMounted !== '') tell(`no small disk: ${notMounted}`);
  let rig: Rig | null = null;
  try {
    rig = await Rig.start(plan, tell);
    return await runOn(rig, notMounted === '' ? 'node-2' : null, options);
  } finally {
    await rig?.end();
    if (notMounted === '') unmount(small);
  }
}

async function runOn(rig: Rig, smallDisk: string | null, options: TortureOptions): Promise<TortureResult> {
  const { tell, lastsMs, faults, clients, rate } = options;
  const random = createRandom(options.seed);
  const load = await Load.start({ endpoints: rig.endpoints, clients, random: random.fork(), rate });
  await sleep(1000);
  const before = await watch(rig);
  const carrier = new Carrier(rig, smallDisk, tell);
  const began = performance.now();
  const over = new AbortController();
  setTimeout(() => over.abort(), lastsMs);
  await carrier.carryOut(faults, began, over.signal);
  await sleep(Math.max(0, began + lastsMs - performance.now()));
  const seconds = (performance.now() - began) / 1000;
  const acknowledgedPerSecond = load.recorder.acknowledged / seconds;
  const wrong = [...carrier.broken];
  heal(rig);
  await load.stop();
  tell('faults are over, and so is the load');
  if (!(await rig.full(healMs))) wrong.push(await notFull(rig));
  load.close();
  const compared = await compareMembers(rig.endpoints, load.recorder);
  wrong.push(...compared.different);
  await sleep(restMs);
  wrong.push(...grown(before, await watch(rig)), ...deathsOf(rig, smallDisk));
  await rig.end();
  tell(`checking ${load.recorder.records.length} operations`);
  const { wrong: broken, undecided } = judge(load.recorder.records);
  if (broken !== '') wrong.push(broken);
  if (wrong.length > 0) await writeHistory(rig.plan.folder, load);
  return {
    operations: load.recorder.records.length,
    acknowledgedPerSecond,
    endings: load.recorder.endings,
    lists: load.lists,
    done: carrier.done,
    compared,
    wrong,
    undecided,
    isVoid: acknowledgedPerSecond < acknowledgedPerSecondMin,
  };
}

/** Every process runs, and every path is open. */
function heal(rig: Rig): void {
  rig.network.mendAll();
  for (const { name } of [...rig.coordinators, ...rig.nodes]) {
    rig.child(name).signal('SIGCONT');
    rig.revive(name);
  }
}

async function notFull(rig: Rig): Promise<string> {
  const view = await rig.view();
  if (view === null) return `no coordinator leads ${healMs / 1000} s after the last fault`;
  const open = view.chains.filter(({ full }) => !full).map(({ slot }) => slot);
  const out = view.nodes.filter(({ admitted }) => !admitted).map(({ node, status }) => `${node} ${status}`);
  const what = `slots not full: ${open.join(', ') || 'none'}, nodes not admitted: ${out.join(', ') || 'none'}`;
  return `${healMs / 1000} s after the last fault, ${what}; ${view.waiting}`;
}

/** A node whose disk is full may end and be started again by whoever looks after it. */
const deathsOf = (rig: Rig, smallDisk: string | null): string[] =>
  rig.deaths
    .filter(({ name }) => name !== smallDisk)
    .map(({ name, how, words }) => `${name} ${how} although nobody killed it: ${words}`);

async function writeHistory(folder: string, { recorder }: Load): Promise<void> {
  const lines = recorder.records.map((record) => JSON.stringify(record)).join('\n');
  await writeFile(join(folder, 'history.jsonl'), `${lines}\n`);
}

/** Removes what a run that kept its promises leaves. */
export const clean = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });
