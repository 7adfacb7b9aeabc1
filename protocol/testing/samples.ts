/** Requests and entries for tests that do not care about most of their fields. */
import { type Entry, type EntryFields, makeEntry } from '../entry.ts';
import type { ReadRequest, WriteRequest } from '../requests.ts';
import { slotOf } from '../slots.ts';
import { chainVersion, clientId, type Key, key, origin, requestNumber, seq, slot } from '../words.ts';

let requests = 0;

/** A put under a request number that nobody used. */
export function putRequest(
  of: Key,
  value: string | Uint8Array,
  more: Partial<WriteRequest> = {},
): WriteRequest {
  requests++;
  return {
    op: 'put',
    key: of,
    version: chainVersion(0),
    passOn: false,
    deadlineMs: 5000,
    value: typeof value === 'string' ? new TextEncoder().encode(value) : value,
    delta: 0n,
    conditions: [],
    client: clientId(77),
    number: requestNumber(requests),
    floor: requestNumber(Math.max(1, requests - 100)),
    slotTime: 1_700_000_000_000,
    retry: false,
    ...more,
  };
}

export const getRequest = (of: Key, more: Partial<ReadRequest> = {}): ReadRequest => ({
  op: 'get',
  key: of,
  version: chainVersion(0),
  passOn: false,
  deadlineMs: 5000,
  level: 'strong',
  boundMs: 0,
  token: null,
  ...more,
});

/** A key of a slot. */
export function keyIn(wanted: number, slots: number): Key {
  for (let i = 0; ; i++) if (slotOf(key(`k${i}`), slots) === wanted) return key(`k${i}`);
}

/** The n-th entry of slot 0 in version 1: an empty put by client 1. */
export const entryAt = (n: number, more: Partial<EntryFields> = {}): Entry =>
  makeEntry({
    kind: 'put',
    slot: slot(0),
    version: chainVersion(1),
    versionBefore: chainVersion(n === 1 ? 0 : 1),
    seq: seq(n),
    stamp: 1,
    client: clientId(1),
    number: requestNumber(n),
    floor: requestNumber(1),
    objectVersion: 1,
    created: 1,
    replaced: origin,
    refusal: null,
    key: key('k'),
    value: new Uint8Array(0),
    ...more,
  });
