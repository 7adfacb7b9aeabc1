/** The state of the coordinators: deleted, or replaced by an older one; then what an operator does. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, isBlank } from '../rig/admin.ts';
import type { Rig } from '../rig/rig.ts';

const recoverMs = 120_000;
const shape = /^state\.(\d+)\.json$/;

/** The contents of the state that are there, the oldest first. */
export async function readStates(
  folder: string,
): Promise<{ readonly number: number; readonly text: string }[]> {
  const numbers = (await readdir(folder)).flatMap((name) => Number(shape.exec(name)?.[1] ?? Number.NaN));
  const states: { number: number; text: string }[] = [];
  for (const number of numbers.filter(Number.isFinite).sort((a, b) => a - b)) {
    const text = await readFile(join(folder, `state.${number}.json`), 'utf8').catch(() => null);
    if (text !== null) states.push({ number, text });
  }
  return states;
}

export async function deleteState(rig: Rig, restart: boolean, ms: number): Promise<string> {
  for (const { number } of await readStates(rig.stateFolder))
    await rm(join(rig.stateFolder, `state.${number}.json`), { force: true });
  return await goOn(rig, restart, ms);
}

/** `old`: a content that the state had before. */
export async function rollBackState(rig: Rig, old: string, restart: boolean, ms: number): Promise<string> {
  const newest = (await readStates(rig.stateFolder)).at(-1)?.number ?? 0;
  await writeFile(join(rig.stateFolder, `state.${newest + 1}.json`), old);
  return await goOn(rig, restart, ms);
}

/** Either the leader has it in memory and saves it again, or an operator orders it to be built anew. */
async function goOn(rig: Rig, restart: boolean, ms: number): Promise<string> {
  const names = rig.coordinators.map(({ name }) => name);
  if (restart) await Promise.all(names.map((name) => rig.kill(name)));
  await sleep(ms);
  if (restart) for (const name of names) rig.revive(name);
  const until = performance.now() + recoverMs;
  const giveUp = new Set<string>();
  let last = '';
  while (performance.now() < until) {
    const view = await rig.view();
    if (view !== null && view.trouble == null && (await rig.isFull())) return '';
    for (const coordinator of rig.coordinators) {
      if (view !== null && view.trouble == null) break;
      const { ok, message } = await command(coordinator, {
        kind: 'recover',
        clusterId: rig.clusterId,
        giveUp: [...giveUp],
        giveUpSlots: [],
      });
      if (ok) break;
      if (!message.includes('does not lead')) last = message;
      // One that was replaced in this very moment holds nothing any more, and all others hold what it held.
      const missing = /^(\S+), member of slot/.exec(message)?.[1];
      const plan = rig.nodes.find(({ name }) => name === missing);
      if (plan !== undefined && (await isBlank(plan))) giveUp.add(plan.name);
    }
    await sleep(500);
  }
  throw new Error(`the state could not be recovered within ${recoverMs / 1000} s: ${last}`);
}
