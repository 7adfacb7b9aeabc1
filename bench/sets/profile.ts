/** Where the nodes' main threads spend their time, by a CPU profile: a table by area and a flame graph for each load. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startStore } from '../cluster/store.ts';
import { openGenerator } from '../load/generator.ts';
import type { Run } from '../load/run.ts';
import {
  addProfile,
  emptyFrame,
  type Frame,
  monotonicUs,
  readProfiles,
  selfBy,
  type Window,
} from '../measure/cpu-profile.ts';
import { measure } from '../measure/measure.ts';
import { mainThreadSecondsOf } from '../measure/processes.ts';
import { renderFlame } from '../report/flame.ts';
import { figure } from '../report/format.ts';
import type { Picture } from '../report/report.ts';
import { get, put, sized, type Workload } from '../workload/workloads.ts';
import { type Bench, type Findings, type Load, runOf, warm, withSystem } from './bench.ts';

interface ProfiledLoad extends Load {
  /** In the name of its picture. */
  readonly file: string;
}

/** Loads on one store. Large values and many keys have stores of their own: LevelDB goes on merging when their load is over. */
interface Group {
  readonly slots: number;
  readonly loads: readonly ProfiledLoad[];
}

const many = (workload: Workload): Workload => ({
  ...workload,
  name: `${workload.name}, 1,000,000 keys`,
  keys: 1_000_000,
});
const manySlots = (workload: Workload): Workload => ({ ...workload, name: `${workload.name}, 1,024 slots` });

const groups: readonly Group[] = [
  {
    slots: 64,
    loads: [
      { workload: put, concurrency: 32, file: 'put-32' },
      { workload: put, concurrency: 128, file: 'put-128' },
      { workload: put, concurrency: 512, file: 'put-512' },
      { workload: get, concurrency: 128, file: 'get-128' },
    ],
  },
  {
    slots: 1024,
    loads: [
      { workload: manySlots(put), concurrency: 128, file: 'put-1024-slots-128' },
      { workload: manySlots(get), concurrency: 128, file: 'get-1024-slots-128' },
    ],
  },
  {
    slots: 64,
    loads: [
      { workload: many(get), concurrency: 128, file: 'get-1000000-keys-128' },
      { workload: many(put), concurrency: 128, file: 'put-1000000-keys-128' },
    ],
  },
  { slots: 64, loads: [{ workload: sized(put, 16_384), concurrency: 32, file: 'put-16KiB-32' }] },
  { slots: 64, loads: [{ workload: sized(put, 1_048_576), concurrency: 8, file: 'put-1MiB-8' }] },
];

const root = join(import.meta.dirname, '..', '..');
const areas = ['sockets', 'links and codec', 'protocol', 'store', 'LevelDB calls', 'collector', 'other'];

/** By the file of a function; what Node and V8 do themselves counts for whoever called it, but sockets and collector. */
function areaOf({ name, file }: Frame, within: string): string {
  if (name === '(garbage collector)') return 'collector';
  if (name === 'writeBuffer' || name === 'writev' || /^node:(net|internal\/stream|stream)/.test(file))
    return 'sockets';
  if (/^(transport|proto)\//.test(file)) return 'links and codec';
  if (file.startsWith('protocol/')) return 'protocol';
  if (/(classic|abstract)-level/.test(file)) return 'LevelDB calls';
  if (/^node\/(store|value)/.test(file)) return 'store';
  if (file.startsWith('node/') || file.startsWith('process/')) return 'other';
  return within === '' || within === 'sockets' ? 'other' : within;
}

interface Measured {
  readonly load: ProfiledLoad;
  readonly operations: number;
  /** Seconds: of all threads of the servers, and of the nodes' main threads. */
  readonly serverCpu: number;
  readonly mainCpu: number;
  readonly frames: Frame;
}

export async function profile(bench: Bench): Promise<Findings> {
  const measured: Measured[] = [];
  for (const group of groups) measured.push(...(await measureGroup(bench, group)));
  const rows = measured.map(({ load, operations, serverCpu, mainCpu, frames }) => {
    const us = (seconds: number): string => figure((seconds * 1e6) / operations);
    const sums = selfBy(frames, areaOf);
    return [
      `${load.workload.name}, c=${load.concurrency}`,
      figure((operations / bench.windowMs) * 1000),
      us(serverCpu),
      us(mainCpu),
      ...areas.map((area) => us(mainCpu * ((sums.get(area) ?? 0) / frames.total))),
    ];
  });
  const pictures = measured.map(({ load, operations, mainCpu, frames }): Picture => {
    const title = `${load.workload.name}, ${load.concurrency} callers: main threads of three nodes`;
    const cost = (us: number): string =>
      `${figure((mainCpu * 1e6 * us) / frames.total / operations)} µs for each operation`;
    return { file: `profile-${load.file}.svg`, svg: renderFlame(frames, { title, cost, areaOf, areas }) };
  });
  return {
    cells: [],
    sections: [
      {
        title: 'CPU of all three nodes for one operation, in µs',
        text: [
          'Together: all threads of the nodes and the coordinator. Main threads: those that run JavaScript. Both as the system counts them; samples of each millisecond say how the time of main threads divides.',
        ],
        table: { head: ['', 'op/s', 'together', 'main threads', ...areas], rows },
        charts: [],
        pictures,
      },
    ],
    targets: [],
  };
}

/** Profiles are written when the nodes end: windows are cut out of them afterwards. */
async function measureGroup(bench: Bench, { slots, loads }: Group): Promise<Measured[]> {
  const windows: (Omit<Measured, 'frames'> & Window)[] = [];
  const measured: Measured[] = [];
  const start = (folder: string) =>
    startStore({ folder, nodes: 3, replicationFactor: 3, slots, durability: 'fsync', profile: true });
  await withSystem(bench, start, async (store) => {
    const generator = await openGenerator(store, bench.generator);
    const pids = store.nodes.map(({ child }) => child.pid);
    await generator.fill((loads[0] as ProfiledLoad).workload, bench.seed);
    for (const load of loads) {
      await warm(bench, store, generator, load);
      const run = runOf(bench, load, 0);
      const from = monotonicUs() + run.warmupMs * 1000;
      const [{ operations, serverCpu }, mainCpu] = await Promise.all([
        measure(store, generator, run),
        mainCpuOf(pids, run),
      ]);
      windows.push({ load, operations, serverCpu, mainCpu, from, to: from + run.windowMs * 1000 });
      bench.say(`${load.file}: ${figure((operations / bench.windowMs) * 1000)} op/s`);
    }
    generator.close();
    await store.stop();
    const profiles = readProfiles(store.nodes.map(({ data }) => data));
    for (const { from, to, ...rest } of windows) {
      const frames = emptyFrame('all', '');
      for (const each of profiles) addProfile(frames, each, { from, to }, root);
      measured.push({ ...rest, frames });
    }
  });
  return measured;
}

async function mainCpuOf(pids: readonly number[], run: Run): Promise<number> {
  const used = (): number => pids.reduce((sum, pid) => sum + mainThreadSecondsOf(pid), 0);
  await sleep(run.warmupMs);
  const before = used();
  await sleep(run.windowMs);
  return used() - before;
}
