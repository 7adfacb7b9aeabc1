import type { Content } from './content.ts';
import { applyWrite, everything, readFits, writeFits } from './content.ts';
import type { HistoryRecord, Position } from './history.ts';
import { isRead, samePosition } from './history.ts';
import type { Entry, KeyHistory } from './prepare.ts';
import { usesField } from './prepare.ts';
import type { Model } from './search.ts';

/**
 * A key by its values alone: positions in the answers are ignored, so that a fault in how positions are given cannot hide.
 * Object versions, revisions and time stamps are followed only as far as conditions of this history need them.
 */
export function valueModel(history: KeyHistory): Model<Content> {
  const look = { positions: false, objectVersions: usesField(history, 'version') };
  const needsPositions = usesField(history, 'revision') || usesField(history, 'updated');
  const stamps = stampsOf(history);
  return {
    initial: null,
    step(content, { record, op, readOnly }) {
      if (readOnly) return readFits(record, content, look) ? content : undefined;
      if (op.kind === 'get' || isRead(record)) return undefined;
      const position = needsPositions && record.result.kind === 'ok' ? record.result.position : undefined;
      const after = applyWrite(op, content, position, position && stamps.get(nameOf(position)));
      if (after === undefined || !writeFits(record, content, after, look)) return undefined;
      return after === null || look.objectVersions ? after : { ...after, objectVersion: 0 };
    },
    name: nameOfContent,
  };
}

/** A key with the log beneath it: every answer must agree with one order of positions. */
export interface Placed {
  readonly content: Content;
  /** The last write of the prefix is here or later; exactly here when it told or was seen. */
  readonly floor: Position;
  /** Acknowledged writes so far: they come in the order of their positions. */
  readonly acknowledged: number;
}

export function positionModel(history: KeyHistory): Model<Placed> {
  const stamps = stampsOf(history);
  return {
    initial: { content: null, floor: { version: 0, seq: -1 }, acknowledged: 0 },
    step: (placed, entry) =>
      entry.readOnly ? stepRead(placed, entry, stamps) : stepWrite(placed, entry, stamps),
    name: ({ content, floor, acknowledged }) => `${acknowledged};${nameOf(floor)};${nameOfContent(content)}`,
  };
}

function stepRead(placed: Placed, { record }: Entry, stamps: Stamps): Placed | undefined {
  const told = toldBy(record);
  const pinned = told ? pin(placed, told, stamps) : placed;
  return pinned && readFits(record, pinned.content, everything) ? pinned : undefined;
}

function stepWrite(placed: Placed, { record, op, rank }: Entry, stamps: Stamps): Placed | undefined {
  if (op.kind === 'get' || isRead(record)) return undefined;
  const { acknowledged, floor } = placed;
  if (record.result.kind !== 'ok') {
    const after = applyWrite(op, placed.content, undefined, undefined);
    if (after === undefined || !writeFits(record, placed.content, after, everything)) return undefined;
    return { content: after, floor: { version: floor.version, seq: floor.seq + 1 }, acknowledged };
  }
  const { position, previous } = record.result;
  if (position === undefined || rank !== acknowledged) return undefined;
  const pinned = previous ? pin(placed, previous, stamps) : placed;
  if (pinned === undefined || position.version < pinned.floor.version || position.seq <= pinned.floor.seq)
    return undefined;
  const after = applyWrite(op, pinned.content, position, stamps.get(nameOf(position)));
  if (after === undefined || !writeFits(record, pinned.content, after, everything)) return undefined;
  return { content: after, floor: position, acknowledged: acknowledged + 1 };
}

/** The state in which the present value is known to lie at `position`, if it can. */
function pin(placed: Placed, position: Position, stamps: Stamps): Placed | undefined {
  const { content, floor } = placed;
  if (content === null) return undefined;
  if (content.position !== undefined) return samePosition(content.position, position) ? placed : undefined;
  if (position.version < floor.version || position.seq < floor.seq) return undefined;
  return {
    ...placed,
    content: { ...content, position, updated: stamps.get(nameOf(position)) },
    floor: position,
  };
}

type Stamps = ReadonlyMap<string, number>;

/** Time stamps by position: only reads and refusals tell them. */
function stampsOf(history: KeyHistory): Stamps {
  const stamps = new Map<string, number>();
  for (const record of history.answered) {
    const position = toldBy(record);
    const { result } = record;
    if (position === undefined) continue;
    const updated = isRead(record)
      ? record.result.kind === 'ok' && record.result.updated
      : result.kind === 'refused' && result.seen?.updated;
    if (typeof updated === 'number' && !stamps.has(nameOf(position))) stamps.set(nameOf(position), updated);
  }
  return stamps;
}

/** The position of the value that a read or a refusal saw. */
function toldBy(record: HistoryRecord): Position | undefined {
  if (isRead(record))
    return record.result.kind === 'ok' && record.result.found ? record.result.position : undefined;
  return record.result.kind === 'refused' ? (record.result.seen?.position ?? undefined) : undefined;
}

function nameOf(position: Position): string {
  return `${position.version}/${position.seq}`;
}

function nameOfContent(content: Content): string {
  if (content === null) return '-';
  const { objectVersion, position, updated, value } = content;
  return `${objectVersion};${position ? nameOf(position) : ''};${updated ?? ''};${value}`;
}
