/** Reads CPU profiles as Node writes them (`--cpu-prof`), of the main thread of a process, and cuts windows out of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A part of a profile: a function with those that it called. Times are microseconds. */
export interface Frame {
  readonly name: string;
  /** Path within this repository, `node:` module, or '' for what is no JavaScript. */
  readonly file: string;
  self: number;
  total: number;
  readonly calls: Map<string, Frame>;
}

/** Microseconds of the system's monotonic clock, as profiles count them. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export const monotonicUs = (): number => Number(process.hrtime.bigint() / 1000n);

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

type ProfileNode = CpuProfile['nodes'][number];

export const emptyFrame = (name: string, file: string): Frame => ({
  name,
  file,
  self: 0,
  total: 0,
  calls: new Map(),
});

/** All profiles in the folders. */
export const readProfiles = (folders: readonly string[]): CpuProfile[] =>
  folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.cpuprofile'))
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile),
  );

/** Adds what a profile says of the window to `into`. Idle time is left out. */
export function addProfile(into: Frame, profile: CpuProfile, window: Window, root: string): void {
  const self = new Map<number, number>();
  let at = profile.startTime;
  for (const [i, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[i] ?? 0;
    at += delta;
    if (at >= window.from && at < window.to) self.set(id, (self.get(id) ?? 0) + Math.max(0, delta));
  }
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const first = profile.nodes[0];
  if (first === undefined) return;
  for (const child of first.children ?? []) merge(into, byId, child, self, root);
  into.total = sumOf(into);
}

function merge(
  into: Frame,
  byId: ReadonlyMap<number, ProfileNode>,
  id: number,
  self: ReadonlyMap<number, number>,
  root: string,
): number {
  const node = byId.get(id);
  if (node === undefined || node.callFrame.functionName === '(idle)') return 0;
  const name = node.callFrame.functionName || '(anonymous)';
  const file = fileOf(node.callFrame.url, root);
  const key = `${name} ${file}`;
  const frame = into.calls.get(key) ?? emptyFrame(name, file);
  const own = self.get(id) ?? 0;
  let sum = own;
  for (const child of node.children ?? []) sum += merge(frame, byId, child, self, root);
  if (sum === 0) return 0;
  frame.self += own;
  frame.total += sum;
  into.calls.set(key, frame);
  return sum;
}

const sumOf = (frame: Frame): number => [...frame.calls.values()].reduce((sum, { total }) => sum + total, 0);

function fileOf(url: string, root: string): string {
  const path = url.startsWith('file://') ? decodeURIComponent(url.slice('file://'.length)) : url;
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

/** Self time of every frame, summed by what `of` calls it. */
export function selfBy(frame: Frame, of: (frame: Frame, within: string) => string): Map<string, number> {
  const sums = new Map<string, number>();
  const visit = (each: Frame, within: string): void => {
    const name = of(each, within);
    sums.set(name, (sums.get(name) ?? 0) + each.self);
    for (const call of each.calls.values()) visit(call, name);
  };
  for (const call of frame.calls.values()) visit(call, '');
  return sums;
}
