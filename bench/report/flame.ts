/** A flame graph as SVG: each box is a function, as wide as the time in it and in what it called, above its caller. */
import type { Frame } from '../measure/cpu-profile.ts';
import { escapeHtml } from './chart.ts';

export interface FlameOptions {
  readonly title: string;
  /** What the width of a box stands for, for its tooltip. */
  readonly cost: (us: number) => string;
  readonly areaOf: (frame: Frame, within: string) => string;
  /** In the order of the legend. */
  readonly areas: readonly string[];
}

const width = 1200;
const rowHeight = 17;
const top = 56;
/** Boxes that are narrower are left out. */
const narrowest = 1.5;
const letterWidth = 6.2;
const colours = ['#56b4e9', '#e69f00', '#009e73', '#f0e442', '#cc79a7', '#d55e00', '#bbbbbb'];

interface Box {
  readonly frame: Frame;
  readonly area: string;
  readonly x: number;
  readonly depth: number;
}

export function renderFlame(root: Frame, options: FlameOptions): string {
  const scale = width / root.total;
  const boxes: Box[] = [];
  const place = (frame: Frame, within: string, from: number, depth: number): void => {
    let x = from;
    for (const call of [...frame.calls.values()].sort((a, b) => b.total - a.total)) {
      if (call.total * scale < narrowest) break;
      const area = options.areaOf(call, within);
      boxes.push({ frame: call, area, x, depth });
      place(call, area, x, depth + 1);
      x += call.total * scale;
    }
  };
  place(root, '', 0, 0);
  const depth = Math.max(0, ...boxes.map((box) => box.depth)) + 1;
  const height = top + depth * rowHeight + 4;
  const colourOf = (area: string): string => colours[options.areas.indexOf(area)] ?? '#dddddd';
  const rects = boxes.map(({ frame, area, x, depth: row }) => {
    const w = frame.total * scale;
    const y = height - 4 - (row + 1) * rowHeight;
    const letters = Math.floor((w - 4) / letterWidth);
    const label = letters < 3 ? '' : frame.name.slice(0, letters);
    const text =
      label === '' ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escapeHtml(label)}</text>`;
    const share = `${((100 * frame.total) / root.total).toFixed(1)} %`;
    const title = `${frame.name} ${frame.file}: ${share}, ${options.cost(frame.total)}`;
    return `<g><title>${escapeHtml(title)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, w - 0.5).toFixed(1)}" height="${rowHeight - 1}" fill="${colourOf(area)}"/>${text}</g>`;
  });
  const legend = options.areas.map(
    (area, i) =>
      `<rect x="${8 + i * 168}" y="30" width="12" height="12" fill="${colourOf(area)}"/><text x="${24 + i * 168}" y="40">${escapeHtml(area)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="11" role="img" aria-label="${escapeHtml(options.title)}"><rect width="${width}" height="${height}" fill="#ffffff"/><g fill="#111111"><text x="8" y="18" font-size="14" font-weight="600">${escapeHtml(options.title)}</text>${legend.join('')}${rects.join('')}</g></svg>\n`;
}
