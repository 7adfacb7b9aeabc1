import type { HistoryRecord, Position } from './history.ts';
import { isRead } from './history.ts';

/** Tests only: the same calls with none to three answers changed at random, some into histories that are still legal. */
export function scramble(records: readonly HistoryRecord[], random: () => number): HistoryRecord[] {
  const changed = [...records];
  const positions = records.flatMap(positionsIn);
  for (let left = Math.floor(random() * 4); left > 0 && changed.length > 0; left--) {
    const index = Math.floor(random() * changed.length);
    changed[index] = scrambleOne(changed[index]!, 1000 + index, positions, random);
  }
  return changed;
}

function positionsIn({ result }: HistoryRecord): Position[] {
  return result.kind === 'ok' && result.position ? [result.position] : [];
}

function scrambleOne(
  record: HistoryRecord,
  fresh: number,
  positions: readonly Position[],
  random: () => number,
): HistoryRecord {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const somewhere = (): Position => {
    const near = positions.length > 0 && random() < 0.7 ? pick(positions) : { version: 1, seq: 1 };
    return random() < 0.6 ? near : { version: near.version, seq: Math.max(0, near.seq + pick([-1, 1, 2])) };
  };
  if (isRead(record)) return scrambleRead(record, pick, somewhere);
  const { op, result } = record;
  const unanswered = {
    ...record,
    client: fresh,
    ret: Number.POSITIVE_INFINITY,
    result: { kind: 'unknown' },
  } as const;
  if (result.kind === 'refused') {
    const values = ['a', 'b', '1', '2'];
    const seen = pick([
      undefined,
      { position: null },
      { position: somewhere() },
      { position: somewhere(), value: pick(values) },
    ]);
    return pick([unanswered, { ...record, result: seen ? { kind: 'refused', seen } : { kind: 'refused' } }]);
  }
  if (result.kind !== 'ok') return result.kind === 'unknown' ? record : unanswered;
  if (result.position === undefined) return record;
  const { previous: _, existed: __, ...blind } = result;
  const answers = [
    { ...result, position: somewhere() },
    { ...result, previous: pick([null, somewhere()]) },
    { ...result, existed: !result.existed },
    { ...result, objectVersion: 1 + Math.floor(random() * 3) },
    { ...blind, existed: result.existed ?? false },
    blind,
    op.kind === 'add' ? { ...result, value: Math.floor(random() * 4) } : blind,
    op.kind === 'delete' ? { kind: 'ok' as const } : blind,
  ];
  return random() < 0.25 ? unanswered : { ...record, result: pick(answers) };
}

type Read = Extract<HistoryRecord, { op: { kind: 'get' } }>;

function scrambleRead(
  record: Read,
  pick: <T>(items: readonly T[]) => T,
  somewhere: () => Position,
): HistoryRecord {
  if (record.result.kind !== 'ok') return record;
  const value = pick(['a', 'b', '1', '2']);
  const { position: _, objectVersion: __, ...vague } = record.result;
  const answers: Read['result'][] = [
    { kind: 'ok', found: false },
    { kind: 'ok', found: true, value, position: somewhere() },
    { kind: 'ok', found: true, value },
  ];
  if (record.result.found) {
    answers.push(
      vague,
      { ...record.result, position: somewhere() },
      { ...record.result, objectVersion: pick([1, 2, 3]) },
    );
    answers.push({ ...record.result, updated: pick([1, 2, 3]) });
  }
  return { ...record, result: pick(answers) };
}
