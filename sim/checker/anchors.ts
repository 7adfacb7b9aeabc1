import { describe, describePosition, violation } from './describe.ts';
import type { HistoryRecord, Position, Violation, WriteAnswer, WriteRecord } from './history.ts';
import { comparePositions, isRead } from './history.ts';
import type { KeyHistory } from './prepare.ts';

/** One write of the key, by its position: acknowledged, or known only because somebody saw what it left behind. */
export interface Anchor {
  readonly position: Position;
  /** Place in the order of the log, from 1; 0 is the absence before every write. */
  place: number;
  write: WriteRecord | undefined;
  /** The first answer that showed a value here. */
  sighting: HistoryRecord | undefined;
  value: string | undefined;
  objectVersion: number | undefined;
  updated: number | undefined;
}

export interface Order {
  readonly ok: true;
  /** By position; `anchors[i].place` is i + 1. */
  readonly anchors: readonly Anchor[];
  /** For each of `history.answered` the anchor that its answer names. */
  readonly named: readonly (Anchor | undefined)[];
}

/** Puts all writes of the key that any strong answer names in order. A violation found here stands in every possible order. */
export function orderByPosition(history: KeyHistory): Order | Violation {
  const table = new AnchorTable();
  const named: (Anchor | undefined)[] = [];
  for (const record of history.answered) {
    const anchor = nameAnchor(table, record);
    if (anchor !== undefined && 'reason' in anchor) {
      return violation(history.key, anchor.reason, [anchor.other, record]);
    }
    named.push(anchor);
  }
  const anchors = table.sorted();
  return contradiction(history.key, anchors) ?? { ok: true, anchors, named };
}

class AnchorTable {
  readonly #versions = new Map<number, Map<number, Anchor>>();
  readonly #anchors: Anchor[] = [];

  obtain(position: Position): Anchor {
    let sequences = this.#versions.get(position.version);
    if (sequences === undefined) {
      sequences = new Map();
      this.#versions.set(position.version, sequences);
    }
    let anchor = sequences.get(position.seq);
    if (anchor === undefined) {
      anchor = {
        position,
        place: 0,
        write: undefined,
        sighting: undefined,
        value: undefined,
        objectVersion: undefined,
        updated: undefined,
      };
      sequences.set(position.seq, anchor);
      this.#anchors.push(anchor);
    }
    return anchor;
  }

  sorted(): Anchor[] {
    this.#anchors.sort((a, b) => comparePositions(a.position, b.position));
    this.#anchors.forEach((anchor, index) => {
      anchor.place = index + 1;
    });
    return this.#anchors;
  }
}

/** Two answers about one position that cannot both be true. */
interface Conflict {
  readonly reason: string;
  readonly other: HistoryRecord | undefined;
}

/** The anchor that an answer names. */
function nameAnchor(table: AnchorTable, record: HistoryRecord): Anchor | Conflict | undefined {
  if (isRead(record)) {
    const answer = record.result;
    return answer.kind === 'ok' && answer.found ? sight(table, record, answer.position, answer) : undefined;
  }
  const { result } = record;
  if (result.kind === 'refused')
    return sight(table, record, result.seen?.position ?? undefined, result.seen ?? {});
  if (result.kind !== 'ok' || result.position === undefined) return undefined;
  const anchor = table.obtain(result.position);
  if (anchor.write !== undefined) {
    return {
      reason: `${describe(record)} has the position of ${describe(anchor.write)}`,
      other: anchor.write,
    };
  }
  anchor.write = record;
  const replaced = sight(table, record, result.previous ?? undefined, replacedBy(record, result));
  return replaced !== undefined && 'reason' in replaced ? replaced : anchor;
}

interface Seen {
  readonly value?: string;
  readonly objectVersion?: number;
  readonly updated?: number;
}

/** What the answer of a write tells about the value that it replaced. */
function replacedBy({ op }: WriteRecord, { value }: WriteAnswer): Seen {
  return op.kind === 'add' && value !== undefined ? { value: String(value - op.delta) } : {};
}

function sight(
  table: AnchorTable,
  record: HistoryRecord,
  position: Position | undefined,
  seen: Seen,
): Anchor | Conflict | undefined {
  if (position === undefined) return undefined;
  const anchor = table.obtain(position);
  for (const field of ['value', 'objectVersion', 'updated'] as const) {
    if (seen[field] === undefined || anchor[field] === undefined || seen[field] === anchor[field]) continue;
    const where = `${field} ${seen[field]} at ${describePosition(position)}`;
    return {
      reason: `${describe(record)} saw ${where}, another answer says ${anchor[field]}`,
      other: anchor.sighting,
    };
  }
  anchor.sighting ??= record;
  anchor.value ??= seen.value;
  anchor.objectVersion ??= seen.objectVersion;
  anchor.updated ??= seen.updated;
  return anchor;
}

function contradiction(key: string, anchors: readonly Anchor[]): Violation | undefined {
  let before: Anchor | undefined;
  for (const anchor of anchors) {
    const reason =
      goesBack(anchor, before) ?? contradictsWrite(anchor) ?? contradictsPrevious(anchor, before);
    if (reason !== undefined) {
      return violation(key, reason, [anchor.write, anchor.sighting, before?.write ?? before?.sighting]);
    }
    before = anchor;
  }
  return undefined;
}

function goesBack(anchor: Anchor, before: Anchor | undefined): string | undefined {
  if (before === undefined || before.position.seq < anchor.position.seq) return undefined;
  const [later, earlier] = [describePosition(anchor.position), describePosition(before.position)];
  return `the sequence does not grow from ${earlier} to ${later}, so both cannot be in one log`;
}

function contradictsWrite({ write, sighting, value, position }: Anchor): string | undefined {
  if (write === undefined || sighting === undefined) return undefined;
  const { op, result } = write;
  if (op.kind === 'delete')
    return `${describe(sighting)} saw a value at ${describePosition(position)}, but that is ${describe(write)}`;
  const wrote =
    op.kind === 'put'
      ? op.value
      : result.kind === 'ok' && result.value !== undefined
        ? String(result.value)
        : value;
  if (value === undefined || wrote === undefined || value === wrote) return undefined;
  return `${describe(sighting)} saw ${JSON.stringify(value)} at ${describePosition(position)}, but that is ${describe(write)}`;
}

function contradictsPrevious({ write, position }: Anchor, before: Anchor | undefined): string | undefined {
  if (write?.result.kind !== 'ok' || !write.result.previous) return undefined;
  const { previous } = write.result;
  if (comparePositions(previous, position) >= 0)
    return `${describe(write)} replaced a value that is not older than itself`;
  if (before === undefined || comparePositions(before.position, previous) === 0) return undefined;
  const between = before.write ?? before.sighting;
  const who = between ? `: ${describe(between)}` : '';
  return `${describe(write)} overlooked the write at ${describePosition(before.position)}${who}`;
}
