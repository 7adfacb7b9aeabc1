/** How results are printed. Only data goes to stdout. */
import { stringify } from 'yaml';
import type { Output } from './world.ts';

export const formats = ['table', 'json', 'yaml', 'value'] as const;
export type Format = (typeof formats)[number];

/** What a command found, in each form that can be asked for. */
export interface Result {
  /** For `json` and `yaml`. */
  readonly data: unknown;
  /** For `table`, the default. */
  readonly table: () => string;
  /** For `value`: just that, byte for byte, without a newline. */
  readonly value: () => string | Uint8Array;
}

export function print(out: Output, format: Format, result: Result): void {
  switch (format) {
    case 'table':
      out.write(withNewline(result.table()));
      return;
    case 'json':
      out.write(`${JSON.stringify(result.data, null, 2)}\n`);
      return;
    case 'yaml':
      out.write(stringify(result.data));
      return;
    case 'value':
      out.write(result.value());
      return;
    default:
      format satisfies never;
  }
}

const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);

/** Columns as wide as they need, two blanks between. */
export function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => widthOf(row[i] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(cell))))
      .join('  ')
      .trimEnd();
  return [header, ...rows].map(line).join('\n');
}

/** Without the bytes that only colour. */
const widthOf = (text: string): number => text.replace(colours, '').length;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with the escape character
const colours = /\x1b\[\d+m/g;
