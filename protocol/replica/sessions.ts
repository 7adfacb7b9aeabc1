/**
 * Sessions of the dedupe table as bytes: one record a session, in the store and in copies. Little-endian:
 *   0 u64 client        8 u48 floor       14 u48 stamp      20 u48 last sequence    26 u32 number of results
 *   then for each: u48 number | u32 version | u48 sequence | u32 object version | u32 version and u48 sequence of what
 *   it replaced | u8 refusal (0 = none) | u8 length of the value | value
 */
import { loggedRefusals } from '../entry.ts';
import type { SessionRecord } from '../persist.ts';
import type { ChainVersion, ClientId, Position, RequestNumber, Seq } from '../words.ts';
import type { Dedupe, Session, WriteResult } from './dedupe.ts';

const headerBytes = 30;
const resultBytes = 32;

export function encodeSession(client: ClientId, s: Session): SessionRecord {
  let length = headerBytes;
  for (const r of s.results.values()) length += resultBytes + r.value.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  put64(view, 0, client);
  put48(view, 8, s.floor);
  put48(view, 14, s.stamp);
  put48(view, 20, s.last);
  view.setUint32(26, s.results.size, true);
  let at = headerBytes;
  for (const [number, r] of s.results) {
    put48(view, at, number);
    putPosition(view, at + 6, r.position);
    view.setUint32(at + 16, r.objectVersion, true);
    putPosition(view, at + 20, r.replaced);
    bytes[at + 30] = r.refusal === null ? 0 : loggedRefusals.indexOf(r.refusal) + 1;
    bytes[at + 31] = r.value.length;
    bytes.set(r.value, at + resultBytes);
    at += resultBytes + r.value.length;
  }
  return { client, bytes };
}

/** Null when the bytes are not one whole record. */
export function decodeSession(bytes: Uint8Array): readonly [ClientId, Session] | null {
  if (bytes.length < headerBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const results = new Map<RequestNumber, WriteResult>();
  let at = headerBytes;
  for (let left = view.getUint32(26, true); left > 0; left--) {
    if (at + resultBytes > bytes.length) return null;
    const end = at + resultBytes + (bytes[at + 31] as number);
    const refusal = bytes[at + 30] as number;
    if (end > bytes.length || refusal > loggedRefusals.length) return null;
    results.set(get48(view, at) as RequestNumber, {
      position: positionAt(view, at + 6),
      objectVersion: view.getUint32(at + 16, true),
      replaced: positionAt(view, at + 20),
      refusal: refusal === 0 ? null : (loggedRefusals[refusal - 1] ?? null),
      value: bytes.slice(at + resultBytes, end),
    });
    at = end;
  }
  if (at !== bytes.length) return null;
  const session: Session = {
    floor: get48(view, 8) as RequestNumber,
    stamp: get48(view, 14),
    last: get48(view, 20) as Seq,
    saved: true,
    results,
  };
  return [get64(view, 0) as ClientId, session];
}

/** The sessions of the clients above `after`: as many as reach `maxBytes`, and at least one. `next`: 0 = no more follow. */
export function pageOfSessions(
  table: Dedupe,
  after: ClientId,
  maxBytes: number,
): { readonly records: Uint8Array[]; readonly next: ClientId } {
  const clients = Float64Array.from([...table.sessions.keys()].filter((client) => client > after)).sort();
  const records: Uint8Array[] = [];
  let bytes = 0;
  for (const [i, client] of clients.entries()) {
    if (bytes >= maxBytes) return { records, next: clients[i - 1] as ClientId };
    const record = encodeSession(client as ClientId, table.sessions.get(client as ClientId) as Session);
    records.push(record.bytes);
    bytes += record.bytes.length;
  }
  return { records, next: 0 as ClientId };
}

function put48(view: DataView, at: number, n: number): void {
  view.setUint32(at, n % 4294967296, true);
  view.setUint16(at + 4, Math.floor(n / 4294967296), true);
}
function put64(view: DataView, at: number, n: number): void {
  view.setUint32(at, n % 4294967296, true);
  view.setUint32(at + 4, Math.floor(n / 4294967296), true);
}
function putPosition(view: DataView, at: number, p: Position): void {
  view.setUint32(at, p.version, true);
  put48(view, at + 4, p.seq);
}
const get48 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint16(at + 4, true) * 4294967296;
const get64 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296;
const positionAt = (view: DataView, at: number): Position => ({
  version: view.getUint32(at, true) as ChainVersion,
  seq: get48(view, at + 4) as Seq,
});
