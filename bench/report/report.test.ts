import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeHistogram, newHistogram, record } from '../measure/histogram.ts';
import type { Cell } from '../measure/sample.ts';
import { compareWithBaseline } from './baseline.ts';
import { renderChart } from './chart.ts';
import { renderHtml, writeHtml } from './html.ts';
import { type Report, writeReport } from './report.ts';
import { cellSections } from './sections.ts';
import { formatTable } from './table.ts';
import { judge } from './targets.ts';

/** Runs of one second with so many operations, all of which took so many ms. */
function cell(system: string, workload: string, concurrency: number, rates: readonly number[], ms = 1): Cell {
  const histogram = newHistogram();
  record(histogram, ms * 1000);
  return {
    system,
    workload,
    concurrency,
    rate: null,
    samples: rates.map((operations) => ({
      seconds: 1,
      operations,
      errors: {},
      reads: '',
      writes: encodeHistogram(histogram),
      late: '',
      clientCpu: 0,
      serverCpu: 0,
      othersCores: 0,
      buckets: [],
    })),
  };
}

const report = (cells: readonly Cell[], more: Partial<Report> = {}): Report => ({
  format: 1,
  made: '2026-01-01T00:00:00.000Z',
  command: 'npm run bench',
  machine: {
    cpu: 'a <fast> one',
    cores: 2,
    memoryGiB: 8,
    system: 'linux',
    fileSystem: 'ext4',
    versions: { chaincluster: 'abc' },
  },
  method: [],
  sections: cellSections(cells),
  cells,
  targets: judge(cells),
  ...more,
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-report-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a baseline', () => {
  const before = [cell('store', 'put', 32, [1000, 1020, 980]), cell('store', 'get', 32, [5000, 5100, 4900])];
  const compareAfter = (after: readonly Cell[]) => {
    const path = join(folder, 'before.json');
    writeReport(path, report(before));
    return compareWithBaseline(path, report(after));
  };

  test('finds what became slower beyond noise, and names it with both figures', () => {
    const { regressions } = compareAfter([cell('store', 'put', 32, [700, 710, 690]), before[1] as Cell]);
    expect(regressions).toHaveLength(1);
    expect(regressions[0]).toContain('store / put / c=32: 700 op/s, was 1,000');
  });

  test('lets noise pass: what lies within the spread of the runs, or within a tenth', () => {
    expect(compareAfter([cell('store', 'put', 32, [920, 930, 910])]).regressions).toEqual([]);
    expect(compareAfter([cell('store', 'put', 32, [500, 800, 1100])]).regressions).toEqual([]);
  });

  test('lets faster figures pass, and says when nothing can be compared', () => {
    expect(compareAfter([cell('store', 'put', 32, [2000])]).regressions).toEqual([]);
    const { section } = compareAfter([cell('store', 'put', 33, [1])]);
    expect(section.text).toContain('It has no figure in common with this report.');
  });
});

describe('targets', () => {
  test('are judged as ratios within one run, and left out where a side was not measured', () => {
    const judged = judge([
      cell('chaincluster fsync', 'put', 32, [7000]),
      cell('etcd', 'put', 32, [2000]),
      cell('redis always', 'put', 32, [10_000]),
      cell('redis always', 'put', 128, [10_000]),
    ]);
    const ratios = judged.filter(({ what }) => what.includes('against'));
    expect(ratios.map(({ got, holds }) => ({ got, holds }))).toEqual([
      { got: '3.50× (7,000 / 2,000)', holds: true },
      { got: '0.70× (7,000 / 10,000)', holds: false },
    ]);
  });
});

describe('a chart', () => {
  const chart = {
    title: 'a & b',
    x: { label: 'callers', scale: 'log' },
    y: { label: 'op/s', scale: 'linear' },
    series: [
      {
        name: 'one',
        points: [
          [1, 10],
          [512, 40],
        ],
      },
    ],
    marks: [{ at: 32, label: 'kill' }],
  } as const;

  test('begins and ends its axes at round figures around the values', () => {
    const points = /polyline points="([^"]+)"/.exec(renderChart(chart))?.[1];
    expect(points).toBe('62.0,194.5 569.5,16.0');
  });

  test('escapes texts, and draws nothing without points', () => {
    expect(renderChart(chart)).toContain('a &amp; b');
    expect(renderChart({ ...chart, series: [] })).toBe('');
  });
});

describe('the HTML report', () => {
  test('needs nothing from outside and escapes what it shows', () => {
    const path = join(folder, 'report.html');
    writeHtml(path, report([cell('store', 'put', 1, [10]), cell('store', 'put', 32, [100])]));
    const html = readFileSync(path, 'utf8');
    expect(html).toContain('a &lt;fast&gt; one');
    expect(html).toContain('<svg');
    expect(html).not.toMatch(/(src|href)=|@import|url\(/);
  });

  test('shows which targets were missed', () => {
    const cells = [cell('chaincluster fsync', 'put', 32, [1000]), cell('etcd', 'put', 32, [1000])];
    expect(renderHtml(report(cells))).toContain('class="missed"');
  });
});

test('a table aligns its first column to the left and figures to the right', () => {
  const text = formatTable({
    head: ['', 'op/s'],
    rows: [
      ['put', '5'],
      ['long name', '12,345'],
    ],
  });
  expect(text.split('\n')).toEqual([
    '             op/s',
    '---------  ------',
    'put             5',
    'long name  12,345',
  ]);
});
