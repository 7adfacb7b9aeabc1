/** Tables and sections in a terminal. */
import type { Section, Table } from './report.ts';

export function formatSection(section: Section): string {
  const lines = ['', section.title, '='.repeat(section.title.length), ...section.text];
  if (section.table !== null) lines.push('', formatTable(section.table));
  return lines.join('\n');
}

/** The first column to the left, all others to the right. */
export function formatTable({ head, rows }: Table): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
