/** Keys, values and conditions as people type them. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { Condition, ConditionField, ConditionOperator, WriteOptions } from '../client/index.ts';
import { UsageError } from './exit.ts';
import { wholeNumberOf } from './settings.ts';
import type { World } from './world.ts';

export interface KeyFlags {
  readonly hex?: boolean;
  readonly base64?: boolean;
}

/** Text is UTF-8; `--hex` and `--base64` are for keys that are no text. @throws UsageError */
export function keyOf(text: string, { hex, base64 }: KeyFlags): string | Uint8Array {
  if (hex === true && base64 === true) throw new UsageError('--hex and --base64 exclude each other');
  if (hex === true) {
    if (!/^([0-9a-fA-F]{2})+$/.test(text))
      throw new UsageError(`--hex: "${text}" is no even number of hex digits`);
    return Buffer.from(text, 'hex');
  }
  if (base64 !== true) return text;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, ''))
    throw new UsageError(`--base64: "${text}" is not base64`);
  return bytes;
}

/** A key for people: as text where it is some, else in hex. */
export function showKey(key: Uint8Array): string {
  const text = Buffer.from(key).toString('utf8');
  return Buffer.from(text, 'utf8').equals(key) && printable.test(text)
    ? text
    : `0x${Buffer.from(key).toString('hex')}`;
}
const printable = /^[^\p{Cc}]*$/u;

/** VALUE, `-` for what comes in on stdin, or `@file`. @throws UsageError when the file cannot be read */
export async function readValue(
  text: string,
  literal: boolean,
  { stdin }: World,
): Promise<string | Uint8Array> {
  if (literal) return text;
  if (text === '-') return buffer(stdin);
  if (!text.startsWith('@')) return text;
  try {
    return await readFile(text.slice(1));
  } catch (error) {
    throw new UsageError(
      `${text.slice(1)} cannot be read: ${(error as Error).message}; use --literal for a value that begins with @`,
    );
  }
}

export interface ConditionFlags {
  readonly ifAbsent?: boolean;
  readonly ifExists?: boolean;
  readonly ifVersion?: string;
  readonly ifRevision?: string;
  readonly if?: readonly string[];
}

/** @throws UsageError */
export function conditionsOf(
  flags: ConditionFlags,
): Pick<WriteOptions, 'ifAbsent' | 'ifExists' | 'ifVersion' | 'ifRevision' | 'if'> {
  const range = { min: 0, max: Number.MAX_SAFE_INTEGER };
  if (flags.ifAbsent === true && flags.ifExists === true)
    throw new UsageError('--if-absent and --if-exists exclude each other');
  return {
    ifAbsent: flags.ifAbsent,
    ifExists: flags.ifExists,
    ifVersion:
      flags.ifVersion === undefined ? undefined : wholeNumberOf('--if-version', flags.ifVersion, range),
    ifRevision:
      flags.ifRevision === undefined ? undefined : wholeNumberOf('--if-revision', flags.ifRevision, range),
    if: flags.if?.map(parseCondition),
  };
}

const operators: Readonly<Record<string, ConditionOperator>> = {
  ...{ '==': 'eq', '=': 'eq', '!=': 'ne', '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge' },
  ...{ eq: 'eq', ne: 'ne', lt: 'lt', le: 'le', gt: 'gt', ge: 'ge' },
};
const fields: readonly ConditionField[] = ['exists', 'version', 'revision', 'updated'];

/** `revision>=7`, `updated < 2026-01-31T12:00:00Z`. @throws UsageError */
export function parseCondition(text: string): Condition {
  const match = /^\s*([a-z]+)\s*(==|=|!=|<=|>=|<|>|\b(?:eq|ne|lt|le|gt|ge)\b)\s*(\S+)\s*$/.exec(text);
  const [, field = '', operator = '', right = ''] = match ?? [];
  if (match === null || !fields.includes(field as ConditionField))
    throw new UsageError(
      `--if "${text}": write FIELD OPERATOR NUMBER, such as "version==3"; ` +
        `fields: ${fields.join(', ')}; operators: == != < <= > >=`,
    );
  const value = /^\d+$/.test(right) ? Number(right) : field === 'updated' ? Date.parse(right) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw new UsageError(
      `--if "${text}": "${right}" is no whole number${field === 'updated' ? ' and no time such as 2026-01-31T12:00:00Z' : ''}`,
    );
  return { field: field as ConditionField, operator: operators[operator] as ConditionOperator, value };
}
