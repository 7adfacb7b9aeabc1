/** The end of a run as a table. */
import { formatTable } from '../../bench/report/table.ts';
import type { TortureResult } from '../torture.ts';

export function tableOf({
  done,
  operations,
  acknowledgedPerSecond,
  endings,
  lists,
  compared,
  undecided,
  wrong,
}: TortureResult): string {
  const kinds = [...new Set(done.map(({ fault }) => fault.kind))].sort();
  const faults = kinds.map((kind) => {
    const own = done.filter(({ fault }) => fault.kind === kind);
    const took = own.filter(({ leftOut }) => leftOut === '');
    const longest = Math.max(0, ...took.map(({ tookMs }) => tookMs / 1000));
    return [kind, `${took.length}`, `${own.length - took.length}`, longest.toFixed(1)];
  });
  const ends = [...endings].sort((a, b) => b[1] - a[1]).map(([ending, count]) => [ending, `${count}`]);
  const figures = [
    ['operations', `${operations}`],
    ['acknowledged a second', acknowledgedPerSecond.toFixed(0)],
    ['lists of a slot', `${lists}`],
    ['keys compared', `${compared?.keys ?? 0}`],
    ['reads of one member', `${compared?.reads ?? 0}`],
    ['keys without a verdict', `${undecided.length}`],
    ['found wrong', `${wrong.length}`],
  ];
  return [
    '',
    formatTable({ head: ['fault', 'took place', 'left out', 'longest, s'], rows: faults }),
    '',
    formatTable({ head: ['calls ended', 'times'], rows: ends }),
    '',
    formatTable({ head: ['', ''], rows: figures }),
    '',
  ].join('\n');
}
