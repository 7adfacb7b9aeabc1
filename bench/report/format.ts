/** Figures as people read them. */
import type { Summary } from '../measure/statistics.ts';

/** Three significant digits below 1000, whole numbers with separators above. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  if (value === 0) return '0';
  return String(Number(value.toPrecision(3)));
}

export const percent = (share: number): string =>
  Number.isFinite(share) ? `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %` : '–';

export const times = (ratio: number): string => (Number.isFinite(ratio) ? `${ratio.toFixed(2)}×` : '–');

/** Operations per second with p50 and p99 in ms, the spread of the runs, and what was wrong with it. */
export function cellText(summary: Summary): string {
  const { rate, p50, p99, errors, runs } = summary;
  const spread = runs > 1 ? ` ±${percent((rate.most - rate.least) / 2 / rate.median)}` : '';
  const failed = errors > 0 ? ` e=${figure(errors)}` : '';
  const noisy = summary.othersCores > disturbedCores ? ' ~' : '';
  return `${figure(rate.median)}${spread} (${figure(p50)} / ${figure(p99)})${failed}${noisy}`;
}

/** Cores used by others above which a measurement is marked. */
export const disturbedCores = 0.2;

export const cellLegend =
  'Cells: operations per second ± half the spread of the runs (p50 / p99 in ms); e= errors; ~ other programs used more than 0.2 of a core.';
