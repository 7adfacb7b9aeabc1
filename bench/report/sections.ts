/** Sections that several sets of measurements share. */
import { type Cell, cellId } from '../measure/sample.ts';
import { type Summary, summarize } from '../measure/statistics.ts';
import type { Chart, Series } from './chart.ts';
import { cellLegend, cellText, figure } from './format.ts';
import type { Section } from './report.ts';

/** One table for each workload: systems down, loads across; with charts where there are several loads. */
export function cellSections(cells: readonly Cell[]): Section[] {
  const workloads = unique(cells.map((cell) => cell.workload));
  return workloads.map((workload, i) => {
    const own = cells.filter((cell) => cell.workload === workload);
    return {
      title: workload,
      text: i === 0 ? [cellLegend] : [],
      table: tableOf(own),
      charts: chartsOf(workload, own),
    };
  });
}

function tableOf(cells: readonly Cell[]) {
  const loads = unique(cells.map(loadOf));
  const rows = unique(cells.map((cell) => cell.system)).map((system) => [
    system,
    ...loads.map((load) => {
      const cell = cells.find((each) => each.system === system && loadOf(each) === load);
      return cell === undefined ? '' : cellText(summarize(cell));
    }),
  ]);
  return { head: ['', ...loads], rows };
}

const loadOf = (cell: Cell): string =>
  cell.concurrency === null ? `${figure(cell.rate ?? 0)}/s` : `c=${cell.concurrency}`;

function chartsOf(workload: string, cells: readonly Cell[]): Chart[] {
  const closed = seriesOf(cells, (cell, summary) =>
    cell.concurrency === null ? null : [cell.concurrency, summary.rate.median],
  );
  const latency = seriesOf(cells, (_cell, summary) => [summary.rate.median, summary.p99]);
  const charts: Chart[] = [];
  if (closed.some((each) => each.points.length > 1))
    charts.push({
      title: `${workload}: throughput by number of callers`,
      x: { label: 'callers, each waiting for its answer', scale: 'log' },
      y: { label: 'operations per second', scale: 'linear' },
      series: closed,
      marks: [],
    });
  if (latency.some((each) => each.points.length > 1))
    charts.push({
      title: `${workload}: latency against throughput`,
      x: { label: 'operations per second', scale: 'linear' },
      y: { label: 'p99, ms', scale: 'log' },
      series: latency,
      marks: [],
    });
  return charts;
}

function seriesOf(
  cells: readonly Cell[],
  point: (cell: Cell, summary: Summary) => readonly [number, number] | null,
): Series[] {
  return unique(cells.map((cell) => cell.system)).map((name) => ({
    name,
    points: cells
      .filter((cell) => cell.system === name)
      .map((cell) => point(cell, summarize(cell)))
      .filter((each) => each !== null)
      .sort((a, b) => a[0] - b[0]),
  }));
}

/** Who used the processors, and how long the tails are. */
export function costSection(cells: readonly Cell[]): Section {
  const rows = cells.map((cell) => {
    const s = summarize(cell);
    const us = (cores: number): string => figure((cores * 1e6) / s.rate.median);
    return [
      cellId(cell),
      figure(s.rate.median),
      figure(s.p999),
      figure(s.max),
      figure(s.p99 / s.p50),
      figure(s.serverCores),
      us(s.serverCores),
      figure(s.clientCores),
      us(s.clientCores),
      figure(s.othersCores),
    ];
  });
  return {
    title: 'Cost and tails',
    text: [
      'Cores used by the servers, by the load generator and by other programs; CPU time for each operation.',
    ],
    table: {
      head: ['', 'op/s', 'p99.9 ms', 'max ms', 'p99/p50', 'servers', 'µs/op', 'generator', 'µs/op', 'others'],
      rows,
    },
    charts: [],
  };
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
