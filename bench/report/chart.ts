/** Line charts as SVG, without any library: they must lie inside the report. */

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** Moments to mark on the x axis. */
  readonly marks: readonly { readonly at: number; readonly label: string }[];
}

export interface Axis {
  readonly label: string;
  readonly scale: 'linear' | 'log';
}

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const width = 640;
const height = 300;
const plot = { left: 62, right: width - 16, top: 16, bottom: height - 46 };
/** Okabe and Ito's colours, which people with any colour vision can tell apart. */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#888888'];

export function renderChart(chart: Chart): string {
  const points = chart.series.flatMap((each) => each.points);
  if (points.length === 0) return '';
  const x = scaleOf(
    chart.x,
    points.map(([value]) => value),
    plot.left,
    plot.right,
  );
  const y = scaleOf(
    chart.y,
    points.map(([, value]) => value),
    plot.bottom,
    plot.top,
  );
  const parts = [
    ...y.ticks.map((tick) => gridLine(tick, y.at(tick))),
    ...x.ticks.map((tick) => text(x.at(tick), plot.bottom + 16, 'middle', tickText(tick))),
    text((plot.left + plot.right) / 2, height - 8, 'middle', chart.x.label, 'axis'),
    `<text class="axis" text-anchor="middle" transform="translate(14 ${(plot.top + plot.bottom) / 2}) rotate(-90)">${escapeHtml(chart.y.label)}</text>`,
    ...chart.marks.map((mark, i) => markLine(x.at(mark.at), mark.label, i)),
    ...chart.series.map((each, i) => renderSeries(each, i, x.at, y.at)),
  ];
  const legend = chart.series.map(
    (each, i) => `<span><i style="background:${colour(i)}"></i>${escapeHtml(each.name)}</span>`,
  );
  return `<figure><figcaption>${escapeHtml(chart.title)}</figcaption><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(chart.title)}">${parts.join('')}</svg><div class="legend">${legend.join('')}</div></figure>`;
}

interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

function scaleOf(axis: Axis, values: readonly number[], from: number, to: number): Scale {
  if (axis.scale === 'log') return logScale(values, from, to);
  const most = Math.max(...values, 0);
  const least = Math.min(...values, 0);
  const step = niceStep((most - least || 1) / 5);
  const top = Math.ceil(most / step) * step || step;
  const bottom = Math.floor(least / step) * step;
  const ticks: number[] = [];
  for (let tick = bottom; tick <= top + step / 2; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return { ticks, at: (value) => from + ((value - bottom) / (top - bottom)) * (to - from) };
}

/** From the last tick below the values to the first one above them. */
function logScale(values: readonly number[], from: number, to: number): Scale {
  const positive = values.filter((value) => value > 0);
  const [least, most] = [Math.min(...positive), Math.max(...positive)];
  const digits = Math.log10(most / least) > 3.5 ? [1] : [1, 2, 5];
  const all: number[] = [];
  for (let decade = Math.floor(Math.log10(least)); decade <= Math.ceil(Math.log10(most)); decade++)
    for (const digit of digits) all.push(Number((digit * 10 ** decade).toPrecision(12)));
  const first = all.findLastIndex((tick) => tick <= least);
  const last = all.findIndex((tick) => tick >= most && tick > (all[first] as number));
  const ticks = all.slice(first, last + 1);
  const bottom = Math.log10(ticks[0] as number);
  const top = Math.log10(ticks.at(-1) as number);
  const at = (value: number): number =>
    from + ((Math.log10(Math.max(value, Number.MIN_VALUE)) - bottom) / (top - bottom)) * (to - from);
  return { ticks, at };
}

function niceStep(rough: number): number {
  const decade = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5, 10].find((factor) => factor * decade >= rough) ?? 10) * decade;
}

function renderSeries(
  series: Series,
  i: number,
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const at = series.points.map(([a, b]) => [x(a).toFixed(1), y(b).toFixed(1), a, b] as const);
  const line = at.map(([a, b]) => `${a},${b}`).join(' ');
  // Dots carry their figures; a long line over time has too many of them.
  const dots =
    at.length > 40
      ? ''
      : at
          .map(
            ([cx, cy, a, b]) =>
              `<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour(i)}"><title>${escapeHtml(series.name)}: ${tickText(a)}, ${tickText(b)}</title></circle>`,
          )
          .join('');
  return `<polyline points="${line}" fill="none" stroke="${colour(i)}" stroke-width="2"/>${dots}`;
}

const colour = (i: number): string => colours[i % colours.length] as string;

const gridLine = (tick: number, y: number): string =>
  `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/>${text(plot.left - 6, y + 4, 'end', tickText(tick))}`;

const markLine = (x: number, label: string, i: number): string =>
  `<line class="mark" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${plot.top}" y2="${plot.bottom}"/>${text(x + 4, plot.top + 10 + 12 * (i % 3), 'start', label)}`;

const text = (x: number, y: number, anchor: string, what: string, kind = ''): string =>
  `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escapeHtml(what)}</text>`;

function tickText(value: number): string {
  if (Math.abs(value) >= 1_000_000) return `${Number((value / 1_000_000).toPrecision(3))} M`;
  if (Math.abs(value) >= 10_000) return `${Number((value / 1000).toPrecision(3))} k`;
  return String(Number(value.toPrecision(3)));
}

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);
