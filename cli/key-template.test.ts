import { describe, expect, test } from 'vitest';
import { UsageError } from './exit.ts';
import { parseTemplate } from './key-template.ts';

const record = { id: 7, name: 'Paris', a: { b: 'deep' }, open: true, gone: null, list: [1] };

test.each([
  ['city/{name}', 'city/Paris'],
  ['{id}-{open}', '7-true'],
  ['{a.b}/{#}', 'deep/42'],
  ['{{{name}}}/x', '{Paris}/x'],
])('%s', (template, key) => {
  expect(parseTemplate(template)(record, 42)).toBe(key);
});

describe('is refused', () => {
  test.each(['{', 'a{}b', 'a}b', 'all-the-same', '{{id}}'])('%s', (template) => {
    expect(() => parseTemplate(template)).toThrow(UsageError);
  });
});

describe('a record without', () => {
  test.each([
    ['{missing}', /no field missing/],
    ['{a.c}', /no field a\.c/],
    ['{gone}', /field gone is null/],
    ['{list}', /a list or an object/],
  ])('%s', (template, message) => {
    expect(() => parseTemplate(template)(record, 1)).toThrow(message);
  });
});
