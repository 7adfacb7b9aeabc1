import type { Condition, HistoryRecord, Position, Write, WriteRecord } from './history.ts';
import { conditionsOf, isRead, samePosition } from './history.ts';

/** What a key holds: the sequential specification that every history is measured against. */
export type Content = Present | null;

export interface Present {
  readonly value: string;
  /** Writes of this object life, from 1. */
  readonly objectVersion: number;
  /** Undefined while nobody has told the position of an unanswered write. */
  readonly position: Position | undefined;
  /** Head's time stamp; undefined when no answer has told it. */
  readonly updated: number | undefined;
}

/** What a write leaves behind, or undefined when it cannot take effect on `before`. Conditions are not looked at. */
export function applyWrite(
  op: Write,
  before: Content,
  position: Position | undefined,
  updated: number | undefined,
): Content | undefined {
  if (op.kind === 'delete') return null;
  const objectVersion = before === null ? 1 : before.objectVersion + 1;
  if (op.kind === 'put') return { value: op.value, objectVersion, position, updated };
  const base = before === null ? 0 : counterOf(before.value);
  if (base === undefined) return undefined;
  return { value: String(base + op.delta), objectVersion, position, updated };
}

/**
 * Do all conditions hold? Undefined when that hangs on a revision or a time stamp that no answer tells:
 * then both a success and a refusal are possible.
 */
export function holds(conditions: readonly Condition[], content: Content): boolean | undefined {
  let certain = true;
  for (const condition of conditions) {
    const actual = fieldOf(condition.field, content);
    if (actual === undefined) certain = false;
    else if (!compare(actual, condition)) return false;
  }
  return certain ? true : undefined;
}

/** What of an answer is compared besides values, existence and counters. */
export interface Look {
  /** Positions and time stamps. */
  readonly positions: boolean;
  readonly objectVersions: boolean;
}

export const everything: Look = { positions: true, objectVersions: true };

/** Could this read, refusal or delete of nothing have been answered from `content`? */
export function readFits(record: HistoryRecord, content: Content, look: Look): boolean {
  if (isRead(record)) {
    const answer = record.result;
    if (answer.kind !== 'ok') return true;
    return answer.found ? content !== null && sightingFits(answer, content, look) : content === null;
  }
  const { result, op } = record;
  if (result.kind !== 'refused') return content === null && holds(conditionsOf(op), content) !== false;
  if (holds(conditionsOf(op), content) === true) return false;
  const { seen } = result;
  if (seen === undefined) return true;
  if (seen.position === null || content === null) return seen.position === null && content === null;
  return sightingFits({ ...seen, position: seen.position }, content, look);
}

/** Could an acknowledged write have found `before` and left `after`? Positions are not looked at. */
export function writeFits(record: WriteRecord, before: Content, after: Content, look: Look): boolean {
  const { op, result } = record;
  if (holds(conditionsOf(op), before) === false) return false;
  if (result.kind !== 'ok') return true;
  const { existed, previous, value, objectVersion } = result;
  if (existed !== undefined && existed !== (before !== null)) return false;
  if (previous !== undefined && (previous !== null) !== (before !== null)) return false;
  if (after === null) return true;
  if (op.kind === 'add' && value !== undefined && after.value !== String(value)) return false;
  return !look.objectVersions || objectVersion === undefined || objectVersion === after.objectVersion;
}

/** A call that reads strongly and changes nothing: a get, a refusal, a delete that found nothing to log. */
export function isReadOnly(record: HistoryRecord): boolean {
  return (
    isRead(record) ||
    record.result.kind === 'refused' ||
    (record.result.kind === 'ok' && record.result.position === undefined)
  );
}

/** The number that an add would start from; undefined when the value is not a counter. */
export function counterOf(value: string): number | undefined {
  return /^-?\d{1,15}$/.test(value) ? Number(value) : undefined;
}

interface Sighting {
  readonly value?: string;
  readonly position?: Position;
  readonly objectVersion?: number;
  readonly updated?: number;
}

function sightingFits(seen: Sighting, content: Present, look: Look): boolean {
  if (seen.value !== undefined && seen.value !== content.value) return false;
  if (look.objectVersions && seen.objectVersion !== undefined && seen.objectVersion !== content.objectVersion)
    return false;
  if (!look.positions) return true;
  const { position, updated } = content;
  if (seen.updated !== undefined && updated !== undefined && seen.updated !== updated) return false;
  return seen.position === undefined || position === undefined || samePosition(seen.position, position);
}

function fieldOf(field: Condition['field'], content: Content): number | undefined {
  if (content === null) return 0;
  switch (field) {
    case 'exists':
      return 1;
    case 'version':
      return content.objectVersion;
    case 'revision':
      return content.position?.seq;
    case 'updated':
      return content.updated;
  }
}

function compare(actual: number, { op, value }: Condition): boolean {
  switch (op) {
    case 'eq':
      return actual === value;
    case 'ne':
      return actual !== value;
    case 'lt':
      return actual < value;
    case 'le':
      return actual <= value;
    case 'gt':
      return actual > value;
    case 'ge':
      return actual >= value;
  }
}
