/** Writes docs/limits.md: every bounded thing, its limit, what happens beyond it, and its metric. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeLimits, nodeLimitTexts } from '../node/limits.ts';
import { clientLimits, clientLimitTexts } from '../protocol/client/limits.ts';
import { type LimitText, limitTexts } from '../protocol/limit-texts.ts';
import { limits } from '../protocol/limits.ts';
import { transportLimits, transportLimitTexts } from '../transport/limits.ts';

export const limitsFile = join(import.meta.dirname, '../docs/limits.md');

const parts: readonly [title: string, place: string, Readonly<Record<string, number>>, Texts][] = [
  ['Protocol', 'protocol/limits.ts', { ...limits }, limitTexts],
  ['Links and gRPC', 'transport/limits.ts', transportLimits, transportLimitTexts],
  ['Storage node', 'node/limits.ts', nodeLimits, nodeLimitTexts],
  ['Client session', 'protocol/client/limits.ts', clientLimits, clientLimitTexts],
];

type Texts = Readonly<Record<string, LimitText>>;

const shown = (n: number): string => String(n).replaceAll(/\B(?=(\d{3})+$)/g, ' ');

export function limitsPage(): string {
  const tables = parts.map(([title, place, values, texts]) => {
    const rows = Object.entries(values).map(([name, value]) => {
      const { bounds, beyond, metric } = texts[name] as LimitText;
      const figures = metric === '' ? '' : `\`${metric.replaceAll(', ', '`, `')}\``;
      return `| \`${name}\` | ${bounds} | ${shown(value)} | ${beyond} | ${figures} |`;
    });
    return `## ${title}\n\n\`${place}\`\n\n| name | bounds | limit | beyond it | metric |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Limits\n\nMade by \`npm run limits\` from the files named below; do not edit.\n\n${tables.join('\n')}`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(limitsFile, limitsPage());
