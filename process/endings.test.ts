import { expect, test } from 'vitest';
import { ChainError, InvariantBroken } from '../protocol/errors.ts';
import { ConfigError, endingOf, exitCodes, StartError } from './endings.ts';

test('a wrong configuration ends with its own code and all its sentences', () => {
  expect(endingOf(new ConfigError(['one', 'two']))).toEqual({ code: 78, lines: ['one', 'two'] });
});

test('what was foreseen ends with one sentence and no stack', () => {
  for (const error of [new StartError('why'), new ChainError('UNAVAILABLE', 'why')])
    expect(endingOf(error)).toEqual({ code: exitCodes.failed, lines: ['why'] });
});

test('a bug ends with its stack', () => {
  for (const error of [new InvariantBroken('never'), new TypeError('never')]) {
    const { code, lines } = endingOf(error);
    expect(code).toBe(exitCodes.broken);
    expect(lines.join('\n')).toContain('endings.test.ts');
  }
});
