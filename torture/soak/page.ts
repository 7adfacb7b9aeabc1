/** A soak as a page with a plot for each figure, and as a table. */
import { writeFileSync } from 'node:fs';
import { describeMachine } from '../../bench/measure/machine.ts';
import type { Chart } from '../../bench/report/chart.ts';
import { renderHtml } from '../../bench/report/html.ts';
import type { Table } from '../../bench/report/report.ts';
import type { Fault } from '../faults/plan.ts';
import { figures, type Trend } from './growth.ts';
import type { Figure, Sample } from './samples.ts';

const titles: Readonly<Record<Figure, readonly [title: string, unit: string]>> = {
  memoryMiB: ['Memory', 'MiB resident'],
  heapMiB: ['Heap', 'MiB used'],
  handles: ['Handles', 'open files and sockets'],
  loopDelayMs: ['Delay of the event loop', 'p99, ms'],
  diskMiB: ['Disk', 'MiB'],
};

export function tableOfTrends(trends: readonly Trend[]): Table {
  const rows = trends.map(({ name, figure, early, late, most, grows }) => [
    `${name} ${titles[figure][0].toLowerCase()}, ${titles[figure][1]}`,
    early.toFixed(1),
    late.toFixed(1),
    most.toFixed(1),
    grows ? 'grows' : '',
  ]);
  return { head: ['', 'second quarter', 'last quarter', 'most', ''], rows };
}

export function writePage(
  path: string,
  samples: readonly Sample[],
  trends: readonly Trend[],
  about: { readonly command: string; readonly folder: string; readonly faults: readonly Fault[] },
): void {
  const names = [...new Set(samples.map(({ name }) => name))];
  const marks = about.faults.map(({ at, kind }) => ({ at: at / 1000, label: kind }));
  const charts = figures.map(
    (figure): Chart => ({
      title: titles[figure][0],
      x: { label: 'seconds', scale: 'linear' },
      y: { label: titles[figure][1], scale: 'linear' },
      series: names
        .map((name) => ({
          name,
          points: samples
            .filter((each) => each.name === name && Number.isFinite(each[figure]))
            .map((each) => [each.seconds, each[figure]] as const),
        }))
        .filter(({ points }) => points.length > 0),
      marks,
    }),
  );
  const html = renderHtml({
    format: 1,
    made: new Date().toISOString(),
    command: about.command,
    machine: describeMachine(about.folder),
    method: ['Load and mild faults; each process is looked at every two seconds.'],
    sections: [{ title: 'Soak', text: [], table: tableOfTrends(trends), charts }],
    cells: [],
    targets: [],
  });
  writeFileSync(path, html);
}
