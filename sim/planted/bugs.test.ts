import { describe, expect, test } from 'vitest';
import { bugs } from './bugs.ts';
import { patched, patchedFile } from './patch.ts';

describe('planted bugs', () => {
  test.each(bugs)('$name fits the source of today', ({ edits }) => {
    for (const edit of edits) expect(patchedFile(edit)).toContain(edit.replace);
  });

  test('have names of their own, and are many', () => {
    expect(new Set(bugs.map((b) => b.name)).size).toBe(bugs.length);
    expect(bugs.length).toBeGreaterThanOrEqual(30);
  });

  test('a patch that does not fit, or fits twice, is refused', () => {
    const edit = { file: 'protocol/x.ts', find: 'a', replace: 'b' };
    expect(() => patched('c', edit)).toThrow('does not contain');
    expect(() => patched('a a', edit)).toThrow('more than once');
  });
});
