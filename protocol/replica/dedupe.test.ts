import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Entry, makeEntry } from '../entry.ts';
import {
  chainVersion,
  clientId,
  type Key,
  key,
  origin,
  type RequestNumber,
  requestNumber,
  type Seq,
  seq,
  slot,
} from '../words.ts';
import {
  createDedupe,
  type Dedupe,
  endless,
  look,
  type Room,
  remember,
  type Session,
  tableOf,
  takeIn,
} from './dedupe.ts';
import { decodeSession, encodeSession, pageOfSessions } from './sessions.ts';

const room: Room = { horizonMs: 50, results: 1000 };

function entryOf(at: number, client: number, number: number, floor: number, stamp: number): Entry {
  return makeEntry({
    kind: number % 3 === 0 ? 'counter' : number % 5 === 0 ? 'refused' : 'put',
    slot: slot(0),
    version: chainVersion(1),
    versionBefore: chainVersion(1),
    seq: seq(at),
    stamp,
    client: clientId(client),
    number: requestNumber(number),
    floor: requestNumber(floor),
    objectVersion: at,
    created: 0,
    replaced: at % 2 === 0 ? { version: chainVersion(1), seq: seq(at - 1) } : origin,
    refusal: number % 5 === 0 && number % 3 !== 0 ? 'CONDITION_FAILED' : null,
    key: key('k') as Key,
    value: new Uint8Array([1, at % 256]),
  });
}

/** A log of some clients: their numbers rise, their floors follow, time goes on. */
const logs = fc
  .array(fc.record({ client: fc.integer({ min: 1, max: 6 }), lag: fc.nat(3), ms: fc.nat(20) }), {
    minLength: 1,
    maxLength: 60,
  })
  .map((steps) => {
    const numbers = new Map<number, number>();
    const floors = new Map<number, number>();
    let stamp = 1000;
    return steps.map(({ client, lag, ms }, i) => {
      const number = (numbers.get(client) ?? 0) + 1;
      numbers.set(client, number);
      stamp += ms;
      const floor = Math.max(floors.get(client) ?? 1, number - lag);
      floors.set(client, floor);
      return entryOf(i + 1, client * 3_000_000_000, number, floor, stamp);
    });
  });

function tableAfter(log: readonly Entry[], of = room): Dedupe {
  const table = createDedupe();
  for (const e of log) remember(table, e, of);
  return table;
}

/** What a table says of entries above `forgotten`. */
function said(table: Dedupe, forgotten = table.forgotten.last): unknown {
  const sessions = [...table.sessions].filter(([, s]) => s.last > forgotten);
  return {
    time: table.time,
    sessions: sessions.map(([client, s]) => [
      client,
      s.floor,
      s.stamp,
      s.last,
      [...s.results].filter(([, r]) => r.position.seq > forgotten).sort(([a], [b]) => a - b),
    ]),
  };
}

const decoded = (bytes: Uint8Array): readonly [number, Session] => {
  const session = decodeSession(bytes);
  if (session === null) throw new Error('it was just encoded');
  return session;
};

describe('the dedupe table', () => {
  test('sessions come back from their records as they were', () => {
    fc.assert(
      fc.property(logs, (log) => {
        for (const [client, session] of tableAfter(log).sessions) {
          const { bytes } = encodeSession(client, session);
          expect(decoded(bytes)).toEqual([client, { ...session, saved: true }]);
          expect(decodeSession(bytes.subarray(1))).toBe(null);
          expect(decodeSession(bytes.subarray(0, -1))).toBe(null);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('records, each of another moment, and the log on top of them give the table at its end', () => {
    fc.assert(
      fc.property(logs, fc.array(fc.nat(60), { minLength: 6, maxLength: 6 }), (log, moments) => {
        const saved = moments.flatMap((moment, i) => {
          const client = clientId((i + 1) * 3_000_000_000);
          const session = tableAfter(log.slice(0, moment)).sessions.get(client);
          return session === undefined ? [] : [decodeSession(encodeSession(client, session).bytes)];
        });
        const whole = saved.filter((s) => s !== null);
        const from = Math.min(...moments, log.length);
        const table = tableOf(whole, createDedupe().forgotten, [], endless);
        for (const e of log.slice(from)) takeIn(table, e, room.horizonMs);
        const end = tableOf(table.sessions, table.forgotten, table.unsaved, room);
        expect(said(end)).toEqual(said(tableAfter(log)));
      }),
      { numRuns: 300 },
    );
  });

  test('without room the oldest results go, what stays is as with room, and who may have lost one hears so', () => {
    fc.assert(
      fc.property(logs, fc.integer({ min: 1, max: 5 }), (log, results) => {
        const small = tableAfter(log, { ...room, results });
        const large = tableAfter(log);
        expect(small.kept.size).toBeLessThanOrEqual(results);
        expect(small.sessions.size).toBeLessThanOrEqual(results);
        expect(said(small)).toEqual(said(large, small.forgotten.last));
        for (const e of log) {
          const known = look(small, e.client, e.number, e.stamp, room.horizonMs);
          expect(known.kind).not.toBe('new');
        }
      }),
      { numRuns: 200 },
    );
  });

  test('what nobody needs any more is deleted in the store, and what changed is saved, each once', () => {
    const table = tableAfter([entryOf(1, 7, 1, 1, 1000), entryOf(2, 8, 1, 1, 1001)]);
    for (const [client, s] of table.sessions) {
      s.saved = true;
      table.unsaved.delete(client);
    }
    remember(table, entryOf(3, 9, 1, 1, 1051), room);
    expect([...table.sessions.keys()]).toEqual([8, 9]);
    expect([...table.unsaved].sort()).toEqual([7, 9]);
  });

  test('pages hold every client once, in order, and no page much more than its size', () => {
    const table = createDedupe();
    for (let i = 1; i <= 500; i++) remember(table, entryOf(i, 1 + ((i * 7919) % 500), 1, 1, 1000), room);
    const clients: number[] = [];
    let pages = 0;
    for (let after = clientId(0); ; ) {
      const page = pageOfSessions(table, after, 2000);
      expect(page.records.reduce((sum, b) => sum + b.length, 0)).toBeLessThan(2100);
      clients.push(...page.records.map((b) => decoded(b)[0]));
      pages++;
      if (page.next === 0) break;
      after = page.next;
    }
    expect(clients).toEqual([...table.sessions.keys()].sort((a, b) => a - b));
    expect(pages).toBeGreaterThan(10);
  });
});

test('a number below the floor, a time that is forgotten, and no time at all are expired', () => {
  const table = tableAfter([entryOf(1, 7, 9, 5, 1000), entryOf(2, 8, 1, 1, 1010)], { ...room, results: 1 });
  expect(table.forgotten).toEqual({ last: 1 as Seq, stamp: 1000 });
  const kind = (client: number, number: number, time: number): string =>
    look(table, clientId(client), number as RequestNumber, time, 50).kind;
  expect(kind(8, 1, 1)).toBe('done');
  expect(kind(7, 9, 1000)).toBe('expired');
  expect(kind(9, 1, 1000)).toBe('expired');
  expect(kind(9, 1, 1001)).toBe('new');
  expect(kind(9, 1, 0)).toBe('expired');
});
