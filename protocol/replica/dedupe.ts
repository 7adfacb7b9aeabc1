/**
 * Results of the last writes, by client and request number: replicated state, changed only by committed entries, in
 * the order of the log (P35, P36). A client says with each write which of its numbers are answered (`floor`); their
 * results go. What a silent client left goes when the slot's time, which is the highest stamp inside entries, has moved
 * a horizon past it. Beyond a number of results the oldest are forgotten too: whoever may have had one of them hears
 * SESSION_EXPIRED, as for one beyond the horizon. Two members hold the same above what either has forgotten.
 */
import type { Entry, Refusal } from '../entry.ts';
import type { Limits } from '../limits.ts';
import { type Forgotten, nothingForgotten } from '../persist.ts';
import type { Timings } from '../timings.ts';
import type { ClientId, Position, RequestNumber, Seq, WallMs } from '../words.ts';

export interface WriteResult {
  readonly position: Position;
  readonly objectVersion: number;
  readonly replaced: Position;
  readonly refusal: Refusal | null;
  /** The new number of a counter. */
  readonly value: Uint8Array;
}

export interface Session {
  floor: RequestNumber;
  /** Stamp and sequence of the client's last committed write. */
  stamp: WallMs;
  last: Seq;
  /** The store has a record of it, perhaps an older one. */
  saved: boolean;
  readonly results: Map<RequestNumber, WriteResult>;
}

interface Kept {
  readonly client: ClientId;
  readonly number: RequestNumber;
  readonly stamp: WallMs;
}

export interface Dedupe {
  /** Sessions, the longest silent first. */
  readonly sessions: Map<ClientId, Session>;
  /** Whose result is kept, by the sequence of its entry, the oldest first. */
  readonly kept: Map<Seq, Kept>;
  /** Stamp of the newest committed entry. */
  time: WallMs;
  forgotten: Forgotten;
  /** Clients whose record in the store is older than their session. */
  readonly unsaved: Set<ClientId>;
}

/** How much a table holds. */
export interface Room {
  readonly horizonMs: number;
  readonly results: number;
}

/** For a table whose sessions are of different moments: what goes can't be told before they are of one. */
export const endless: Room = { horizonMs: Number.POSITIVE_INFINITY, results: Number.POSITIVE_INFINITY };

export const roomOf = (timings: Timings, limits: Limits): Room => ({
  horizonMs: timings.dedupeHorizonMs,
  results: limits.dedupeResults,
});

export const createDedupe = (): Dedupe => ({
  sessions: new Map(),
  kept: new Map(),
  time: 0,
  forgotten: nothingForgotten,
  unsaved: new Set(),
});

/** A table of sessions that were saved, or copied, each at a mark of its own; what is beyond the room goes. */
export function tableOf(
  sessions: Iterable<readonly [ClientId, Session]>,
  forgotten: Forgotten,
  unsaved: Iterable<ClientId>,
  room: Room,
): Dedupe {
  const table: Dedupe = { ...createDedupe(), forgotten, time: forgotten.stamp, unsaved: new Set(unsaved) };
  const kept: [Seq, Kept][] = [];
  for (const [client, s] of [...sessions].sort(([, a], [, b]) => a.last - b.last)) {
    table.sessions.set(client, s);
    if (s.stamp > table.time) table.time = s.stamp;
    for (const [number, r] of s.results) kept.push([r.position.seq, { client, number, stamp: s.stamp }]);
  }
  for (const [at, k] of kept.sort(([a], [b]) => a - b)) table.kept.set(at, k);
  forgetUpTo(table, forgotten);
  keepRoom(table, room);
  return table;
}

const noBytes = new Uint8Array(0);

export function resultOf(e: Entry): WriteResult {
  return {
    position: { version: e.version, seq: e.seq },
    objectVersion: e.objectVersion,
    replaced: e.replaced,
    refusal: e.refusal,
    // A copy: a Buffer's own slice would keep the whole message that brought it.
    value: e.kind === 'counter' ? Uint8Array.from(e.value) : noBytes,
  };
}

/** Takes a committed entry in, and lets go of what is beyond the room then. */
export function remember(table: Dedupe, e: Entry, room: Room): void {
  takeIn(table, e, room.horizonMs);
  keepRoom(table, room);
}

/**
 * Takes a committed entry in. One that is in already, or that was forgotten, changes nothing: a table whose sessions are
 * of different moments becomes that of the newest by taking in, in order, all entries since the oldest.
 */
export function takeIn(table: Dedupe, e: Entry, horizonMs: number): void {
  let known = table.sessions.get(e.client);
  if (e.seq <= table.forgotten.last || (known !== undefined && e.seq <= known.last)) return;
  if (e.stamp > table.time) table.time = e.stamp;
  // It was silent for longer than a horizon: nothing of it was left when it wrote again.
  if (known !== undefined && known.stamp < e.stamp - horizonMs) {
    end(table, e.client, known);
    known = undefined;
  }
  const session = known ?? {
    floor: e.floor,
    stamp: e.stamp,
    last: e.seq,
    saved: table.unsaved.has(e.client),
    results: new Map<RequestNumber, WriteResult>(),
  };
  // The one that wrote last is the last.
  if (known !== undefined) table.sessions.delete(e.client);
  table.sessions.set(e.client, session);
  table.unsaved.add(e.client);
  session.last = e.seq;
  if (e.stamp > session.stamp) session.stamp = e.stamp;
  if (e.floor > session.floor) {
    session.floor = e.floor;
    for (const [n, r] of session.results) {
      if (n >= e.floor) continue;
      session.results.delete(n);
      table.kept.delete(r.position.seq);
    }
  }
  if (e.number < session.floor) return;
  const before = session.results.get(e.number);
  if (before !== undefined) table.kept.delete(before.position.seq);
  session.results.set(e.number, resultOf(e));
  table.kept.set(e.seq, { client: e.client, number: e.number, stamp: e.stamp });
}

function keepRoom(table: Dedupe, room: Room): void {
  for (const [client, s] of table.sessions) {
    if (s.stamp >= table.time - room.horizonMs) break;
    end(table, client, s);
  }
  while (table.kept.size > room.results) {
    const [last, { stamp }] = table.kept.entries().next().value as [Seq, Kept];
    forgetUpTo(table, { last, stamp });
  }
  while (table.sessions.size > room.results) {
    const { last, stamp } = table.sessions.values().next().value as Session;
    forgetUpTo(table, { last, stamp });
  }
}

function forgetUpTo(table: Dedupe, to: Forgotten): void {
  if (to.last > table.forgotten.last) table.forgotten = to;
  for (const [at, { client, number }] of table.kept) {
    if (at > to.last) break;
    table.kept.delete(at);
    table.sessions.get(client)?.results.delete(number);
    table.unsaved.add(client);
  }
  for (const [client, s] of table.sessions) {
    if (s.last > to.last) break;
    end(table, client, s);
  }
}

function end(table: Dedupe, client: ClientId, s: Session): void {
  table.sessions.delete(client);
  for (const r of s.results.values()) table.kept.delete(r.position.seq);
  if (s.saved) table.unsaved.add(client);
  else table.unsaved.delete(client);
}

export type Known =
  | { readonly kind: 'new' }
  | { readonly kind: 'done'; readonly result: WriteResult }
  /** It is not executed; an earlier attempt may have been (R18). */
  | { readonly kind: 'expired'; readonly why: Expiry };

/** It names no slot time; it is numbered below the client's window; or it is older than the horizon or than what there is room for. */
export type Expiry = 'untimed' | 'answered' | 'old';

export function look(
  table: Dedupe,
  client: ClientId,
  number: RequestNumber,
  slotTime: WallMs,
  horizonMs: number,
): Known {
  const session = table.sessions.get(client);
  const result = session?.results.get(number);
  if (result !== undefined) return { kind: 'done', result };
  if (session !== undefined && number < session.floor) return { kind: 'expired', why: 'answered' };
  // Nobody executes a request that names no time: a client that knows none asks so, and has nothing to fear from it.
  if (slotTime === 0) return { kind: 'expired', why: 'untimed' };
  if (slotTime < table.time - horizonMs) return { kind: 'expired', why: 'old' };
  // Its entry would have a stamp from its slot time on: at or below what was forgotten it may have been one of those.
  if (slotTime <= table.forgotten.stamp) return { kind: 'expired', why: 'old' };
  return { kind: 'new' };
}
