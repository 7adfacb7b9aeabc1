/** Compares a report with an earlier one. */
import { readFileSync } from 'node:fs';
import { type Cell, cellId } from '../measure/sample.ts';
import { type Summary, summarize } from '../measure/statistics.ts';
import { figure, percent } from './format.ts';
import type { Report, Section } from './report.ts';

export interface Comparison {
  readonly section: Section;
  /** A sentence for each figure that is worse beyond noise. */
  readonly regressions: readonly string[];
}

/** Differences smaller than this are noise on any shared machine, however close the runs of one report are. */
const noiseMin = 0.1;

export function compareWithBaseline(path: string, report: Report): Comparison {
  const before = JSON.parse(readFileSync(path, 'utf8')) as Report;
  if (before.format !== 1)
    throw new Error(`${path} is a report of format ${before.format}; this reads format 1`);
  const rows: string[][] = [];
  const regressions: string[] = [];
  for (const cell of report.cells) {
    const id = cellId(cell);
    const old = before.cells.find((each) => cellId(each) === id);
    if (old === undefined) continue;
    const { row, regression } = compare(id, old, cell);
    rows.push(row);
    if (regression !== null) regressions.push(regression);
  }
  const other = before.machine.cpu !== report.machine.cpu || before.machine.cores !== report.machine.cores;
  const text = [
    `${path}, made ${before.made} of ${before.machine.versions.chaincluster}`,
    ...(other ? ['It was made on another machine: differences say little.'] : []),
    ...(rows.length === 0 ? ['It has no figure in common with this report.'] : []),
  ];
  const head = ['', 'before op/s', 'now op/s', 'change', 'noise', 'before p99 ms', 'now p99 ms', ''];
  return { section: { title: 'Against the baseline', text, table: { head, rows }, charts: [] }, regressions };
}

function compare(id: string, old: Cell, cell: Cell): { row: string[]; regression: string | null } {
  const [before, now] = [summarize(old), summarize(cell)];
  const change = now.rate.median / before.rate.median - 1;
  const noise = Math.max(noiseMin, spreadOf(before), spreadOf(now));
  const slower = change < -noise;
  const row = [
    id,
    figure(before.rate.median),
    figure(now.rate.median),
    `${change >= 0 ? '+' : ''}${percent(change)}`,
    percent(noise),
    figure(before.p99),
    figure(now.p99),
    slower ? 'slower' : '',
  ];
  const sentence = `${id}: ${figure(now.rate.median)} op/s, was ${figure(before.rate.median)} (${percent(change)}, noise ${percent(noise)})`;
  return { row, regression: slower ? sentence : null };
}

/** How far apart the runs of one report are, around their median. */
const spreadOf = ({ rate }: Summary): number => (rate.most - rate.least) / rate.median;
