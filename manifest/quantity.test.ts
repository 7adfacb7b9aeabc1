import { expect, test } from 'vitest';
import { parseQuantity } from './quantity.ts';

test.each([
  ['0', 0n],
  ['1', 1_000n],
  ['1.5', 1_500n],
  ['1k', 1_000_000n],
  ['1Ki', 1_024_000n],
  ['10Gi', 10n * 1024n ** 3n * 1000n],
  ['0.001T', 10n ** 12n],
  ['2Ti', 2n * 1024n ** 4n * 1000n],
])('%s', (text, thousandths) => {
  expect(parseQuantity(text)).toBe(thousandths);
});

test.each(['', 'Gi', '1gi', '-1', '1 Gi', '1.2345G', '1e3', '.5G'])('refuses %j', (text) => {
  expect(() => parseQuantity(text)).toThrow(RangeError);
});
