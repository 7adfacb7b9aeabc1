import type { Condition, Get, HistoryRecord, Position, ReadAnswer, Write, WriteAnswer } from './history.ts';

/** Tests only: short words for histories written by hand. Positions read '1/7' (version/sequence). */
export function at(text: string): Position {
  const [version, seq] = text.split('/').map(Number);
  return { version: version!, seq: seq! };
}

type When = readonly [client: number, call: number, ret: number];

export function read(
  when: When,
  value: string | null,
  position?: string,
  more: Partial<ReadAnswer> = {},
): HistoryRecord {
  return weakRead(when, { kind: 'get', level: 'strong' }, value, position, more);
}

export function weakRead(
  [client, call, ret]: When,
  op: Get,
  value: string | null,
  position?: string,
  more: Partial<ReadAnswer> = {},
): HistoryRecord {
  const where = position ? { position: at(position) } : {};
  const result: ReadAnswer =
    value === null ? { kind: 'ok', found: false } : { kind: 'ok', found: true, value, ...where, ...more };
  return { client, key: 'k', call, ret, op, result };
}

export function done(
  [client, call, ret]: When,
  op: Write,
  position: string,
  previous: string | null,
  more: Partial<WriteAnswer> = {},
): HistoryRecord {
  const replaced = { previous: previous === null ? null : at(previous) };
  return {
    client,
    key: 'k',
    call,
    ret,
    op,
    result: { kind: 'ok', position: at(position), ...replaced, ...more },
  };
}

/** Acknowledged, with nothing told but the position. */
export function blind([client, call, ret]: When, op: Write, position: string): HistoryRecord {
  return { client, key: 'k', call, ret, op, result: { kind: 'ok', position: at(position) } };
}

export function refused(
  [client, call, ret]: When,
  op: Write,
  position: string | null,
  value?: string,
): HistoryRecord {
  const seen = {
    position: position === null ? null : at(position),
    ...(value === undefined ? {} : { value }),
  };
  return { client, key: 'k', call, ret, op, result: { kind: 'refused', seen } };
}

export function unknown(client: number, call: number, op: Write): HistoryRecord {
  return { client, key: 'k', call, ret: Number.POSITIVE_INFINITY, op, result: { kind: 'unknown' } };
}

export function failed([client, call, ret]: When, op: Write): HistoryRecord {
  return { client, key: 'k', call, ret, op, result: { kind: 'failed' } };
}

export function put(value: string, ...condition: Condition[]): Write {
  return condition.length === 0 ? { kind: 'put', value } : { kind: 'put', value, condition };
}

export function remove(...condition: Condition[]): Write {
  return condition.length === 0 ? { kind: 'delete' } : { kind: 'delete', condition };
}

export function add(delta: number): Write {
  return { kind: 'add', delta };
}

/** A condition in words: when('version eq 3'). */
export function when(text: string): Condition {
  const [field, op, value] = text.split(' ');
  return { field, op, value: Number(value) } as Condition;
}
