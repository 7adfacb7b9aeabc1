/**
 * A story: something happens to a cluster while clients read and write it. It passes when the cluster is whole again,
 * what the clients saw is linearizable, and, for what is planned, no call failed.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import type { HistoryRecord } from '../../sim/checker/history.ts';
import type { Section } from '../load/figures.ts';
import { Cluster } from './cluster.ts';
import { leaveEvidence } from './evidence.ts';
import { Load, type LoadOptions, mustBeLinearizable } from './load.ts';
import { settings } from './settings.ts';

export interface StoryOptions {
  /** Also part of `npm run e2e -- --short`. @default false */
  readonly short?: boolean;
  /** Why it cannot be told here; undefined when it can. */
  readonly missing?: string | undefined;
  /** Nobody pulls a plug: then no call may fail. @default false */
  readonly planned?: boolean;
  /** @default 300 */
  readonly seconds?: number;
}

export interface Scene {
  /** The cluster that most stories share. */
  readonly cluster: Cluster;
  /** Starts load; more than one has its histories checked together. */
  load(options?: LoadOptions): Promise<Load>;
  /** A figure of the printed line. */
  note(name: string, value: string | number): void;
  /** Undoes something at the end, whatever happens; the last first. */
  after(undo: () => Promise<unknown>): void;
}

export const shared = new Cluster(settings.namespace, 'demo');

export function story(title: string, options: StoryOptions, tell: (scene: Scene) => Promise<void>): void {
  const why =
    options.missing ?? (settings.short && options.short !== true ? 'not part of --short' : undefined);
  const timeout = (options.seconds ?? 300) * 1000;
  if (why !== undefined) {
    test.skip(`${title} (skipped: ${why})`, () => undefined);
    return;
  }
  test(title, { timeout }, async () => {
    const began = performance.now();
    const notes: string[] = [];
    const loads: Load[] = [];
    const undo: (() => Promise<unknown>)[] = [];
    const scene: Scene = {
      cluster: shared,
      async load(given) {
        const load = await Load.start(shared, `load-${slug(title)}-${loads.length}`, given);
        loads.push(load);
        return load;
      },
      note: (name, value) => notes.push(`${name} ${value}`),
      after: (step) => undo.push(step),
    };
    try {
      await tell(scene);
      if (loads.length > 0) notes.push(...(await judge(loads, options.planned === true)));
      report({ title, ok: true, seconds: (performance.now() - began) / 1000, notes });
    } catch (error) {
      const folder = await leaveEvidence(title, [
        settings.namespace,
        settings.operatorNamespace,
        settings.spareNamespace,
      ]);
      report({
        title,
        ok: false,
        seconds: (performance.now() - began) / 1000,
        notes: [...notes, `evidence in ${folder}`],
      });
      throw error;
    } finally {
      for (const step of undo.reverse())
        await step().catch((error: Error) => console.error(`undo: ${error.message}`));
      for (const load of loads) await load.remove().catch((error: Error) => console.error(error.message));
    }
  });
}

/** The history of all loads together, and what calls it took. */
async function judge(loads: readonly Load[], planned: boolean): Promise<string[]> {
  const records: HistoryRecord[] = [];
  const sections: Section[] = [];
  for (const load of loads) {
    const ended = await load.stop();
    records.push(...ended.records);
    sections.push(...ended.sections);
  }
  mustBeLinearizable(records);
  const sum = (field: 'calls' | 'failed' | 'unknown') =>
    sections.reduce((all, section) => all + section[field], 0);
  const [failed, unknown] = [sum('failed'), sum('unknown')];
  if (planned && failed + unknown > 0) {
    const errors = sections.flatMap(({ name, errors }) =>
      Object.entries(errors).map(
        ([code, { count, first }]) => `${count} ${code} in "${name}", such as: ${first}`,
      ),
    );
    throw new Error(`${failed + unknown} calls failed in a planned operation:\n  ${errors.join('\n  ')}`);
  }
  const missed = sections.flatMap(({ errors }) =>
    Object.entries(errors).map(([code, { count, first }]) => `${count} ${code} (${first.slice(0, 60)})`),
  );
  const steady = sections.find(({ name }) => name === 'steady');
  const rate = steady === undefined ? 0 : Math.round(steady.calls / steady.seconds);
  return [
    `${records.length} calls linearizable`,
    `${rate}/s`,
    `failed ${failed}`,
    `unknown ${unknown}`,
    ...missed,
  ];
}

const slug = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-|-$/g, '');

function report(line: { title: string; ok: boolean; seconds: number; notes: readonly string[] }): void {
  console.log(
    `${line.ok ? 'passed' : 'FAILED'}  ${line.title} (${line.seconds.toFixed(1)} s): ${line.notes.join(', ')}`,
  );
  mkdirSync(settings.out, { recursive: true });
  appendFileSync(join(settings.out, 'stories.jsonl'), `${JSON.stringify(line)}\n`);
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[sorted.length % 2 === 0 ? half - 1 : half],
    sorted[half],
  ];
  return (low + high) / 2;
}
