import type { Condition, HistoryRecord, Position, Violation } from './history.ts';
import { isRead } from './history.ts';

/** `operations` keeps each record once, in the order of the calls. */
export function violation(
  key: string,
  reason: string,
  operations: readonly (HistoryRecord | undefined)[],
): Violation {
  const shown = new Set(operations.filter((record) => record !== undefined));
  return { ok: false, key, reason, operations: [...shown].sort((a, b) => a.call - b.call) };
}

/** One call as a phrase for the sentence of a verdict. */
export function describe(record: HistoryRecord): string {
  return `${describeOperation(record)} of client ${record.client} [${record.call}, ${record.ret}] ${describeResult(record)}`;
}

export function describePosition(position: Position | null | undefined): string {
  return position ? `${position.version}/${position.seq}` : 'none';
}

function describeOperation({ op }: HistoryRecord): string {
  switch (op.kind) {
    case 'get':
      return `${op.level} get`;
    case 'put':
      return `put ${JSON.stringify(op.value)}${describeConditions(op.condition)}`;
    case 'delete':
      return `delete${describeConditions(op.condition)}`;
    case 'add':
      return `add ${op.delta}`;
  }
}

function describeConditions(conditions: readonly Condition[] | undefined): string {
  if (conditions === undefined || conditions.length === 0) return '';
  return ` if ${conditions.map(({ field, op, value }) => `${field} ${op} ${value}`).join(' and ')}`;
}

function describeResult(record: HistoryRecord): string {
  const { result } = record;
  if (result.kind === 'unknown') return 'without an answer';
  if (result.kind === 'failed') return '(failed)';
  if (result.kind === 'refused')
    return `(refused${result.seen ? `, saw ${describePosition(result.seen.position)}` : ''})`;
  if (isRead(record)) {
    const answer = record.result;
    if (answer.kind !== 'ok' || !answer.found) return '(found nothing)';
    return `(found ${JSON.stringify(answer.value)} at ${describePosition(answer.position)})`;
  }
  const answer = record.result;
  if (answer.kind !== 'ok') return '';
  const previous = answer.previous === undefined ? '' : `, replaced ${describePosition(answer.previous)}`;
  const value = answer.value === undefined ? '' : `, now ${answer.value}`;
  return `(done at ${describePosition(answer.position)}${previous}${value})`;
}
