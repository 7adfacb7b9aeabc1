import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withoutRepeats } from './log.ts';

const root = join(import.meta.dirname, '..');

/** Every event that a file logs: the text in quotes after `notice(` or `log(`, both branches of a choice. */
function eventsIn(folder: string): string[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !/\.(test|contract|fake|fixture)\.ts$/.test(file))
    .flatMap((file) => {
      const source = readFileSync(join(root, folder, file), 'utf8');
      const calls = source.matchAll(/(?:notice\w*|[lL]og)(?:\?\.)?\(([^{]*)/g);
      return Array.from(calls, ([, args]) =>
        Array.from((args ?? '').matchAll(/'([a-z]+(?:\.[a-z_]+)+)'/g), ([, name]) => name ?? ''),
      ).flat();
    });
}

test('the glossary lists every event of the logs, and no other', () => {
  const glossary = readFileSync(join(root, 'docs/glossary.md'), 'utf8');
  const [, section = ''] = glossary.split('## Events in the logs\n');
  const listed = Array.from(section.split('\n## ')[0]?.matchAll(/`([a-z._]+)`/g) ?? [], ([, name]) => name);
  const logged = ['protocol', 'transport', 'process', 'node', 'coordinator'].flatMap(eventsIn);
  expect(logged.length).toBeGreaterThan(40);
  expect([...new Set(listed)].sort()).toEqual([...new Set(logged)].sort());
});

test('a warning that repeats itself is left out for a while, and then counted', () => {
  let mono = 0;
  const lines: unknown[] = [];
  const log = withoutRepeats(
    (level, event, fields) => lines.push([level, event, fields]),
    () => mono,
  );
  for (let i = 0; i < 5; i++) log('warn', 'link.down', { why: 'a' });
  log('warn', 'link.down', { why: 'b' });
  log('info', 'link.up', {});
  log('info', 'link.up', {});
  expect(lines).toEqual([
    ['warn', 'link.down', { why: 'a' }],
    ['warn', 'link.down', { why: 'b' }],
    ['info', 'link.up', {}],
    ['info', 'link.up', {}],
  ]);
  mono = 10_000;
  log('warn', 'link.down', { why: 'a' });
  expect(lines.at(-1)).toEqual(['warn', 'link.down', { why: 'a', repeats: 4 }]);
});
