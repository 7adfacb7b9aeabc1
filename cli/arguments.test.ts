import { describe, expect, test } from 'vitest';
import { conditionsOf, keyOf, parseCondition, showKey } from './arguments.ts';
import { UsageError } from './exit.ts';
import { durationOf, wholeNumberOf } from './settings.ts';

describe('keys', () => {
  test('text, hex and base64 are the same bytes', () => {
    expect(keyOf('Zürich', {})).toBe('Zürich');
    expect(keyOf('5ac3bc72696368', { hex: true })).toEqual(Buffer.from('Zürich'));
    expect(keyOf('WsO8cmljaA==', { base64: true })).toEqual(Buffer.from('Zürich'));
    expect(keyOf('WsO8cmljaA', { base64: true })).toEqual(Buffer.from('Zürich'));
  });
  test.each([
    ['abc', { hex: true }],
    ['zz', { hex: true }],
    ['a b', { base64: true }],
    ['61', { hex: true, base64: true }],
  ])('%s as %j is refused', (text, flags) => {
    expect(() => keyOf(text, flags)).toThrow(UsageError);
  });
  test('are shown as text where they are some', () => {
    expect(showKey(Buffer.from('Zürich'))).toBe('Zürich');
    expect(showKey(Buffer.from([0xff, 1]))).toBe('0xff01');
    expect(showKey(Buffer.from('a\nb'))).toBe('0x610a62');
  });
});

describe('conditions', () => {
  test.each([
    ['version==3', { field: 'version', operator: 'eq', value: 3 }],
    ['revision>=7', { field: 'revision', operator: 'ge', value: 7 }],
    [' version < 9 ', { field: 'version', operator: 'lt', value: 9 }],
    ['exists = 0', { field: 'exists', operator: 'eq', value: 0 }],
    ['revision ne 4', { field: 'revision', operator: 'ne', value: 4 }],
    ['updated<2026-01-31T12:00:00Z', { field: 'updated', operator: 'lt', value: 1_769_860_800_000 }],
  ])('%s', (text, condition) => {
    expect(parseCondition(text)).toEqual(condition);
  });
  test.each(['version', 'version=', 'size>3', 'version>>3', 'version>x', 'version==-1', 'updated<soon'])(
    '%s is refused',
    (text) => {
      expect(() => parseCondition(text)).toThrow(UsageError);
    },
  );
  test('that exclude each other are refused', () => {
    expect(() => conditionsOf({ ifAbsent: true, ifExists: true })).toThrow(UsageError);
  });
});

test('durations', () => {
  expect([
    durationOf('-t', '500ms'),
    durationOf('-t', '1.5s'),
    durationOf('-t', '2m'),
    durationOf('-t', '250'),
  ]).toEqual([500, 1500, 120_000, 250]);
  for (const bad of ['', '0s', '-1s', '10 years', 's'])
    expect(() => durationOf('-t', bad)).toThrow(UsageError);
});

test('whole numbers', () => {
  expect(wholeNumberOf('-c', '128', { min: 1, max: 200 })).toBe(128);
  for (const bad of ['', '0', '201', '1e2', '1.5', '-1'])
    expect(() => wholeNumberOf('-c', bad, { min: 1, max: 200 })).toThrow(UsageError);
});
