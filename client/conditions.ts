/** Conditions of a write: tests of the newest value of its key, all of which must hold. */
import { ChainError } from '../protocol/errors.ts';
import { limits } from '../protocol/limits.ts';
import type { Condition } from '../protocol/requests.ts';

export interface Conditions {
  /** The key must be absent. */
  readonly ifAbsent?: boolean | undefined;
  /** The key must be present. */
  readonly ifExists?: boolean | undefined;
  /** The object must have been written exactly so often since it was created. */
  readonly ifVersion?: number | undefined;
  /** The newest write of the key must be this one: what a read or write gave as `revision`. */
  readonly ifRevision?: number | undefined;
  /** Any further tests. An absent key has 0 in every field. */
  readonly if?: readonly Condition[] | undefined;
}

/** @throws ChainError BAD_REQUEST */
export function conditionsOf(given: Conditions): readonly Condition[] {
  const all: Condition[] = [];
  const is = (field: Condition['field'], value: number): unknown =>
    all.push({ field, operator: 'eq', value });
  if (given.ifAbsent === true) is('exists', 0);
  if (given.ifExists === true) is('exists', 1);
  if (given.ifVersion !== undefined) is('version', given.ifVersion);
  if (given.ifRevision !== undefined) is('revision', given.ifRevision);
  if (given.if !== undefined) all.push(...given.if);
  if (all.length === 0) return none;
  if (all.length > limits.conditions) {
    const what = `${all.length} conditions; at most ${limits.conditions} are allowed`;
    throw new ChainError('BAD_REQUEST', what);
  }
  for (const one of all) check(one);
  return all;
}

const none: readonly Condition[] = Object.freeze([]);

function check({ field, operator, value }: Condition): void {
  const most = field === 'exists' ? 1 : Number.MAX_SAFE_INTEGER;
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return;
  const range = field === 'exists' ? 'from 0 to 1' : 'from 0';
  throw new ChainError(
    'BAD_REQUEST',
    `condition ${field} ${operator} ${value}: the value must be a whole number ${range}`,
  );
}
