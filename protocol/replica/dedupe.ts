/**
 * Results of the last writes, by client and request number: replicated state, changed only by committed entries, in
 * the order of the log, so that every member holds the same table (P35, P36). A client says with each write which of
 * its numbers are answered (`floor`); their results go. What a silent client left goes when the slot's time, which is
 * the highest stamp inside entries, has moved a horizon past it.
 */
import type { Entry, Refusal } from '../entry.ts';
import type { ClientId, Position, RequestNumber, WallMs } from '../words.ts';

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
  /** Stamp of the client's last committed write. */
  stamp: WallMs;
  readonly results: Map<RequestNumber, WriteResult>;
}

export interface Dedupe {
  /** Sessions, the longest silent first. */
  readonly sessions: Map<ClientId, Session>;
  /** Stamp of the newest committed entry. */
  time: WallMs;
}

export const createDedupe = (): Dedupe => ({ sessions: new Map(), time: 0 });

const noBytes = new Uint8Array(0);

export function resultOf(e: Entry): WriteResult {
  return {
    position: { version: e.version, seq: e.seq },
    objectVersion: e.objectVersion,
    replaced: e.replaced,
    refusal: e.refusal,
    value: e.kind === 'counter' ? e.value.slice() : noBytes,
  };
}

/** Takes a committed entry in. Taking one again that is already in changes nothing. */
export function remember(table: Dedupe, e: Entry, horizonMs: number): void {
  let session = table.sessions.get(e.client);
  if (session === undefined) session = { floor: e.floor, stamp: e.stamp, results: new Map() };
  else table.sessions.delete(e.client);
  table.sessions.set(e.client, session);
  if (e.floor > session.floor) {
    session.floor = e.floor;
    for (const n of session.results.keys()) if (n < e.floor) session.results.delete(n);
  }
  if (e.number >= session.floor) session.results.set(e.number, resultOf(e));
  if (e.stamp > session.stamp) session.stamp = e.stamp;
  if (e.stamp > table.time) table.time = e.stamp;
  for (const [client, s] of table.sessions) {
    if (s.stamp >= table.time - horizonMs) break;
    table.sessions.delete(client);
  }
}

export type Known =
  | { readonly kind: 'new' }
  | { readonly kind: 'done'; readonly result: WriteResult }
  /** Older than the horizon, or below the client's window: it may have been executed and forgotten (R18). */
  | { readonly kind: 'expired' };

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
  if (session !== undefined && number < session.floor) return { kind: 'expired' };
  // Nobody executes a request that names no time: a client that knows none asks so, and has nothing to fear from it.
  if (slotTime === 0) return { kind: 'expired' };
  if (slotTime < table.time - horizonMs) return { kind: 'expired' };
  return { kind: 'new' };
}

/** The table as bytes, for a trim and for copies. JSON: it is written once in a slab of many thousand entries. */
export function encodeDedupe(table: Dedupe): Uint8Array {
  const sessions = [...table.sessions].map(([client, s]) => [
    client,
    s.floor,
    s.stamp,
    [...s.results].map(([n, r]) => [
      n,
      r.position.version,
      r.position.seq,
      r.objectVersion,
      r.replaced.version,
      r.replaced.seq,
      r.refusal,
      r.value.length === 0 ? '' : new TextDecoder('latin1').decode(r.value),
    ]),
  ]);
  return new TextEncoder().encode(JSON.stringify({ time: table.time, sessions }));
}

type Packed = [ClientId, RequestNumber, WallMs, PackedResult[]];
type PackedResult = [RequestNumber, number, number, number, number, number, Refusal | null, string];

export function decodeDedupe(bytes: Uint8Array): Dedupe {
  const packed = JSON.parse(new TextDecoder().decode(bytes)) as { time: WallMs; sessions: Packed[] };
  const table = createDedupe();
  table.time = packed.time;
  for (const [client, floor, stamp, results] of packed.sessions) {
    const session: Session = { floor, stamp, results: new Map() };
    for (const [n, version, seq, objectVersion, replacedVersion, replacedSeq, refusal, value] of results)
      session.results.set(n, {
        position: { version, seq } as Position,
        objectVersion,
        replaced: { version: replacedVersion, seq: replacedSeq } as Position,
        refusal,
        value: value === '' ? noBytes : new TextEncoder().encode(value),
      });
    table.sessions.set(client, session);
  }
  return table;
}
