import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { describe, expect, it } from 'vitest';
import { plantedBugs } from './bugs.ts';
import { patched } from './patch.ts';

const root = new URL('../../', import.meta.url);

describe('planted bugs', () => {
  it('have names of their own', () => {
    expect(new Set(plantedBugs.map((b) => b.name)).size).toBe(plantedBugs.length);
  });

  it.each(plantedBugs)('$name fits the source of today, and what it makes parses', (bug) => {
    const files = new Map<string, string>();
    for (const edit of bug.edits) {
      const source = files.get(edit.file) ?? readFileSync(new URL(edit.file, root), 'utf8');
      files.set(edit.file, patched(source, edit));
    }
    for (const source of files.values()) expect(() => stripTypeScriptTypes(source)).not.toThrow();
  });

  it('are refused when they fit nowhere, or twice', () => {
    const edit = { file: 'a.ts', find: 'one', replace: 'two' };
    expect(() => patched('nothing', edit)).toThrow('does not contain');
    expect(() => patched('one, and one', edit)).toThrow('more than once');
    expect(patched('just one', edit)).toBe('just two');
  });
});
