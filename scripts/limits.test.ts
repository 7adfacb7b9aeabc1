import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { clientLimits } from '../protocol/client/limits.ts';
import { limits } from '../protocol/limits.ts';
import { limitsFile, limitsPage } from './limits.ts';

test('docs/limits.md is what the limits are; `npm run limits` writes it', () => {
  expect(readFileSync(limitsFile, 'utf8')).toBe(limitsPage());
});

test('a session stays within what a chain takes', () => {
  expect(clientLimits.window).toBeLessThan(limits.sessionWindow);
});
