/**
 * Throughput through failures: a node is killed without warning and started again, once for each place that it may have in a
 * chain. Keys are told apart by the place that the node has in their chain, and each kind has callers of its own.
 */

import { slotOf } from '../../protocol/slots.ts';
import type { Key } from '../../protocol/words.ts';
import { type Store, type StoreNode, startStore } from '../cluster/store.ts';
import { LinkGenerator } from '../load/generator.ts';
import type { Run } from '../load/run.ts';
import { median } from '../measure/statistics.ts';
import type { Chart } from '../report/chart.ts';
import { figure, percent } from '../report/format.ts';
import type { Judged, Section } from '../report/report.ts';
import { keyOf } from '../workload/keys.ts';
import { get, put, type Workload } from '../workload/workloads.ts';
import { type Bench, type Findings, withSystem } from './bench.ts';

const cluster = { nodes: 5, replicationFactor: 3, slots: 64, durability: 'fsync' } as const;
const places = ['head', 'middle', 'tail', 'elsewhere'] as const;
type Place = (typeof places)[number];

const bucketMs = 100;
const killMs = 5000;
const restartMs = 12_000;
const windowMs = 25_000;
const callersOfKind = 8;
/** Writes of slots that the node has nothing to do with, against before, in the worst of the buckets after the kill. */
const othersAtLeast = 0.8;
const outageMsMax = 1500;

/** What one kind of load saw: successes of each bucket. */
interface Timeline {
  readonly operation: 'put' | 'get';
  readonly place: Place;
  readonly buckets: readonly number[];
  readonly errors: number;
}

export async function failover(bench: Bench): Promise<Findings> {
  const rounds: { timelines: Timeline[]; wholeMs: number }[] = [];
  for (let round = 0; round < bench.runs; round++)
    await withSystem(
      bench,
      (folder) => startStore({ ...cluster, folder }),
      async (store) => {
        rounds.push(await killAndRestart(bench, store, round));
        const outages = places.map(
          (place) => `${place} ${outageMs(timelineOf(rounds, round, 'put', place))} ms`,
        );
        bench.say(`round ${round + 1}: longest time without a write: ${outages.join(', ')}`);
      },
    );
  return { cells: [], sections: [section(rounds)], targets: judge(rounds.map((round) => round.timelines)) };
}

async function killAndRestart(
  bench: Bench,
  store: Store,
  round: number,
): Promise<{ timelines: Timeline[]; wholeMs: number }> {
  const generator = await LinkGenerator.open(store.endpoints);
  await generator.fill(put, bench.seed);
  const victim = store.nodes[round % store.nodes.length] as StoreNode;
  const chosen = await keysByPlace(store, victim.name);
  const began = performance.now();
  const loads = ([put, get] as const).flatMap((workload) =>
    places.map((place) => runKind(bench, generator, workload, place, chosen[place], round)),
  );
  await sleep(bench.warmupMs + killMs);
  await victim.child.stop('SIGKILL');
  await sleep(restartMs - killMs);
  victim.child.restart();
  const restarted = performance.now();
  await store.whole(120_000);
  const wholeMs = performance.now() - restarted;
  const timelines = await Promise.all(loads);
  bench.say(`killed and restarted ${victim.name}; ${Math.round((performance.now() - began) / 1000)} s`);
  generator.close();
  return { timelines, wholeMs };
}

async function runKind(
  bench: Bench,
  generator: LinkGenerator,
  workload: Workload,
  place: Place,
  chosen: readonly number[],
  round: number,
): Promise<Timeline> {
  const run: Run = {
    workload: { ...workload, chosen },
    concurrency: callersOfKind,
    rate: 0,
    warmupMs: bench.warmupMs,
    windowMs,
    seed: bench.seed + round,
    readAt: 'any',
    bucketMs,
  };
  const { buckets, errors } = await generator.run(run);
  return {
    operation: workload === put ? 'put' : 'get',
    place,
    buckets,
    errors: Object.values(errors).reduce((a, b) => a + b, 0),
  };
}

async function keysByPlace(store: Store, node: string): Promise<Record<Place, number[]>> {
  const { chains } = await store.view();
  const placeOfSlot = new Map<number, Place>();
  for (const { slot, members } of chains) {
    const at = members.findIndex((member) => member.node === node);
    placeOfSlot.set(
      slot,
      at < 0 ? 'elsewhere' : at === 0 ? 'head' : at === members.length - 1 ? 'tail' : 'middle',
    );
  }
  const keys: Record<Place, number[]> = { head: [], middle: [], tail: [], elsewhere: [] };
  for (let i = 0; i < put.keys; i++)
    keys[placeOfSlot.get(slotOf(keyOf(i) as Key, cluster.slots)) ?? 'elsewhere'].push(i);
  return keys;
}

/** Longest time without a success from just before the kill on. */
function outageMs(timeline: Timeline): number {
  let longest = 0;
  let current = 0;
  for (const count of timeline.buckets.slice(killMs / bucketMs - 1)) {
    current = count === 0 ? current + bucketMs : 0;
    longest = Math.max(longest, current);
  }
  return longest;
}

/** Median of all buckets from a moment to another. */
const level = (timeline: Timeline, fromMs: number, toMs: number): number =>
  median(timeline.buckets.slice(fromMs / bucketMs, toMs / bucketMs));

/** Writes of other slots after the kill, and while the node joins again, against before. */
function shareKept(timelines: readonly Timeline[], fromMs: number, toMs: number): number {
  const others = timelines.find((t) => t.operation === 'put' && t.place === 'elsewhere') as Timeline;
  return level(others, fromMs, toMs) / level(others, 0, killMs);
}

function judge(rounds: readonly (readonly Timeline[])[]): Judged[] {
  const outages = (['head', 'middle', 'tail'] as const).map((place) => {
    const ms = rounds.map((timelines) =>
      outageMs(timelines.find((t) => t.operation === 'put' && t.place === place) as Timeline),
    );
    return {
      what: `a node is killed: longest time without a write of slots where it was ${place}`,
      wanted: `≤ ${figure(outageMsMax)} ms`,
      got: `${figure(median(ms))} ms (${ms.map(figure).join(', ')})`,
      holds: median(ms) <= outageMsMax,
    };
  });
  const kept = (
    [
      ['while it is down', killMs, restartMs],
      ['while it joins again', restartMs, windowMs],
    ] as const
  ).map(([when, from, to]) => {
    const shares = rounds.map((timelines) => shareKept(timelines, from, to));
    return {
      what: `writes of other slots ${when}, against before`,
      wanted: `≥ ${percent(othersAtLeast)}`,
      got: `${percent(median(shares))} (${shares.map(percent).join(', ')})`,
      holds: median(shares) >= othersAtLeast,
    };
  });
  return [...outages, ...kept];
}

function section(rounds: readonly { timelines: Timeline[]; wholeMs: number }[]): Section {
  const rows = (['put', 'get'] as const).flatMap((operation) =>
    places.map((place) => {
      const own = rounds.map((_, round) => timelineOf(rounds, round, operation, place));
      const of = (get: (timeline: Timeline) => number): string => figure(median(own.map(get)));
      return [
        `${operation}, the node was ${place}`,
        of((t) => level(t, 0, killMs) * (1000 / bucketMs)),
        of((t) => level(t, killMs, restartMs) * (1000 / bucketMs)),
        of((t) => level(t, restartMs, windowMs) * (1000 / bucketMs)),
        own.map((t) => figure(outageMs(t))).join(', '),
        figure(own.reduce((sum, t) => sum + t.errors, 0)),
      ];
    }),
  );
  return {
    title: 'A node is killed and started again',
    text: [
      `${cluster.nodes} nodes, chains of ${cluster.replicationFactor}, ${cluster.slots} slots, fsync. kill -9 at ${killMs / 1000} s, start at ${restartMs / 1000} s. ${callersOfKind} callers of each kind; medians of buckets of ${bucketMs} ms; longest time without a success in each round.`,
      `Every chain had its whole length again after ${rounds.map((round) => `${figure(round.wholeMs / 1000)} s`).join(', ')} from the start of the node.`,
    ],
    table: {
      head: ['', 'before op/s', 'down op/s', 'joining op/s', 'longest gap ms', 'errors'],
      rows,
    },
    charts: (['put', 'get'] as const).map((operation) =>
      timelineChart(operation, rounds[0]?.timelines ?? []),
    ),
  };
}

function timelineChart(operation: 'put' | 'get', timelines: readonly Timeline[]): Chart {
  return {
    title: `${operation} through a kill and a join, first round`,
    x: { label: 'seconds', scale: 'linear' },
    y: { label: 'operations per second', scale: 'linear' },
    series: timelines
      .filter((timeline) => timeline.operation === operation)
      .map(({ place, buckets }) => ({
        name: `the node was ${place}`,
        points: buckets.map((count, i) => [(i * bucketMs) / 1000, count * (1000 / bucketMs)] as const),
      })),
    marks: [
      { at: killMs / 1000, label: 'kill -9' },
      { at: restartMs / 1000, label: 'started again' },
    ],
  };
}

function timelineOf(
  rounds: readonly { timelines: readonly Timeline[] }[],
  round: number,
  operation: 'put' | 'get',
  place: Place,
): Timeline {
  return rounds[round]?.timelines.find((t) => t.operation === operation && t.place === place) as Timeline;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
