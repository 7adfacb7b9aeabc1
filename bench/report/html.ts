/** The report as one HTML file that needs nothing else. */
import { writeFileSync } from 'node:fs';
import { escapeHtml, renderChart } from './chart.ts';
import type { Judged, Report, Section, Table } from './report.ts';

export function writeHtml(path: string, report: Report): void {
  writeFileSync(path, renderHtml(report));
}

export function renderHtml(report: Report): string {
  const { machine } = report;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const about = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, data on ${machine.fileSystem}`,
    versions.join(', '),
    ...report.method,
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>chaincluster benchmark, ${escapeHtml(report.made)}</title>
<style>${style}</style>
<h1>chaincluster benchmark</h1>
<p><code>${escapeHtml(report.command)}</code>, ${escapeHtml(report.made)}</p>
<ul>${about.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>
${report.targets.length > 0 ? renderTargets(report.targets) : ''}
${report.sections.map(renderSection).join('\n')}
</html>
`;
}

function renderTargets(targets: readonly Judged[]): string {
  const verdict = (holds: boolean | null): string =>
    holds === null ? 'not measured' : holds ? 'holds' : 'missed';
  const rows = targets.map(
    (t) =>
      `<tr class="${verdict(t.holds).replace(' ', '-')}"><td>${escapeHtml(t.what)}</td><td>${escapeHtml(t.wanted)}</td><td>${escapeHtml(t.got)}</td><td>${verdict(t.holds)}</td></tr>`,
  );
  return `<h2>Targets</h2><div class="wide"><table><thead><tr><th>what<th>wanted<th>got<th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function renderSection(section: Section): string {
  const text = section.text.map((line) => `<p>${escapeHtml(line)}</p>`).join('');
  const table = section.table === null ? '' : renderTable(section.table);
  const charts = section.charts.map(renderChart).join('');
  const pictures = (section.pictures ?? []).map(({ svg }) => `<figure>${svg}</figure>`).join('');
  return `<h2>${escapeHtml(section.title)}</h2>${text}${table}<div class="charts">${charts}</div>${pictures}`;
}

function renderTable({ head, rows }: Table): string {
  const cells = (tag: string, row: readonly string[]): string =>
    row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('');
  return `<div class="wide"><table><thead><tr>${cells('th', head)}</tr></thead><tbody>${rows
    .map((row) => `<tr>${cells('td', row)}</tr>`)
    .join('')}</tbody></table></div>`;
}

const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #777; --good: #009e73; --bad: #d55e00; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1360px; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.holds td:last-child { color: var(--good); } .missed td:last-child { color: var(--bad); font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 520px), 1fr)); gap: 1.5rem; }
figure { margin: 1rem 0 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; } svg text { fill: currentColor; }
svg .axis, svg .mark + text { fill: var(--soft); }
    .grid { stroke: var(--line); } .mark { stroke: var(--soft); stroke-dasharray: 4 3; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: 13px; }
.legend i { display: inline-block; width: 1.4em; height: .25em; margin-right: .4em; vertical-align: middle; border-radius: 2px; }
`;
