/** CPU and memory of processes, read from /proc. On systems without it every figure is NaN, and reports say "–". */
import { readdirSync, readFileSync } from 'node:fs';

/** Kernel clock ticks are 1/100 s on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU seconds that a process has used, its threads included; NaN when it is gone. */
export const cpuSecondsOf = (pid: number): number => secondsOf(statOf(String(pid)));

/** CPU seconds that the first thread of a process has used: the one that runs JavaScript. */
export const mainThreadSecondsOf = (pid: number): number => secondsOf(statOf(`${pid}/task/${pid}`));

function secondsOf(fields: string[] | null): number {
  return fields === null ? Number.NaN : (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Bytes of memory that a process holds (resident); NaN when it is gone. */
export function residentBytesOf(pid: number): number {
  return memoryOf(pid, 'VmRSS');
}

/** Of these, those that are no pages of files. The system can drop pages of files, LevelDB's tables among them, at any time. */
export function anonymousBytesOf(pid: number): number {
  return memoryOf(pid, 'RssAnon');
}

/** The most that it ever held. */
export function peakResidentBytesOf(pid: number): number {
  return memoryOf(pid, 'VmHWM');
}

/** Bytes that a process gave to its disks. */
export const writtenBytesOf = (pid: number): number =>
  Number(/^write_bytes: (\d+)$/m.exec(read(`/proc/${pid}/io`))?.[1] ?? Number.NaN);

function memoryOf(pid: number, field: string): number {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(read(`/proc/${pid}/status`));
  return match === null ? Number.NaN : Number(match[1]) * 1024;
}

/** All processes that `pid` started, itself first. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of processNames()) {
    const parent = Number(statOf(name)?.[1]);
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [Number(name)]);
    else siblings.push(Number(name));
  }
  const tree = [pid];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i] as number) ?? []));
  return tree;
}

/** CPU seconds that all of the machine has used. `steal`: those that the host took away. */
export function machineCpu(): { readonly busy: number; readonly steal: number } {
  const [user, nice, system, , , irq, softirq, steal] = (
    /^cpu +(.*)$/m.exec(read('/proc/stat'))?.[1]?.split(' ') ?? []
  ).map((ticks) => Number(ticks) / ticksPerSecond);
  if (user === undefined) return { busy: Number.NaN, steal: Number.NaN };
  const busy = user + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0);
  return { busy, steal: steal ?? 0 };
}

/** Counts the CPU of everything outside this program, between `begin` and `cores`. */
export class Disturbance {
  readonly #machine = machineCpu();
  readonly #own = ownCpu();
  readonly #began = performance.now();

  /** Cores that others used since; a process of ours that ended meanwhile counts as others. */
  cores(): number {
    const others = machineCpu().busy - this.#machine.busy - (ownCpu() - this.#own);
    return Math.max(0, others / ((performance.now() - this.#began) / 1000));
  }
}

const ownCpu = (): number => treeOf(process.pid).reduce((sum, pid) => sum + (cpuSecondsOf(pid) || 0), 0);

/** The fields of a stat file below /proc after the name, which may hold spaces. */
function statOf(of: string): string[] | null {
  const text = read(`/proc/${of}/stat`);
  return text === '' ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function processNames(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
