/** What a run of the benchmark leaves: figures for programs (cells), and sections for people. */
import { writeFileSync } from 'node:fs';
import type { Machine } from '../measure/machine.ts';
import type { Cell } from '../measure/sample.ts';
import type { Chart } from './chart.ts';

export interface Report {
  readonly format: 1;
  /** ISO 8601. */
  readonly made: string;
  readonly command: string;
  readonly machine: Machine;
  /** How it was measured: seed, runs, lengths. */
  readonly method: readonly string[];
  readonly sections: readonly Section[];
  readonly cells: readonly Cell[];
  readonly targets: readonly Judged[];
}

export interface Section {
  readonly title: string;
  readonly text: readonly string[];
  readonly table: Table | null;
  readonly charts: readonly Chart[];
  readonly pictures?: readonly Picture[];
}

/** A picture that stands in the report and beside it, as a file of its own. */
export interface Picture {
  readonly file: string;
  readonly svg: string;
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A target with what came out. */
export interface Judged {
  readonly what: string;
  readonly wanted: string;
  readonly got: string;
  /** null: not measured in this run. */
  readonly holds: boolean | null;
}

/** Pictures are left out: they are files of their own. */
export function writeReport(path: string, report: Report): void {
  const figures = { ...report, sections: report.sections.map(({ pictures: _, ...section }) => section) };
  writeFileSync(path, `${JSON.stringify(figures, null, 1)}\n`);
}
