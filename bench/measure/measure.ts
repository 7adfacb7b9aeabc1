/** Runs a load against a system and says what it cost whom. */
import type { System } from '../cluster/system.ts';
import type { Generator } from '../load/generator.ts';
import type { Run } from '../load/run.ts';
import { cpuSecondsOf, Disturbance } from './processes.ts';
import type { Sample } from './sample.ts';

/** CPU is read at the ends of the window by this process's clock, so it is off by a few ms of work. */
export async function measure(system: Pick<System, 'pids'>, generator: Generator, run: Run): Promise<Sample> {
  const counting = generator.run(run);
  const cpu = measureCpu(system, run);
  const { cpuSeconds, ...counted } = await counting;
  return { ...counted, clientCpu: cpuSeconds, ...(await cpu) };
}

async function measureCpu(
  system: Pick<System, 'pids'>,
  run: Run,
): Promise<{ serverCpu: number; othersCores: number }> {
  await sleep(run.warmupMs);
  const { pids } = system;
  const before = pids.map(cpuSecondsOf);
  const disturbance = new Disturbance();
  await sleep(run.windowMs);
  const othersCores = disturbance.cores();
  // A server that was killed meanwhile counts for nothing.
  const serverCpu = pids.reduce((sum, pid, i) => sum + (cpuSecondsOf(pid) - (before[i] as number) || 0), 0);
  return { serverCpu, othersCores };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
