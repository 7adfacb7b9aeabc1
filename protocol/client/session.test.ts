import { expect, test } from 'vitest';
import type { ErrorCode } from '../errors.ts';
import { limits } from '../limits.ts';
import { failure } from '../replies.ts';
import type { Reply, Routes } from '../requests.ts';
import {
  chainVersion,
  clientId,
  epoch,
  incarnation,
  key,
  nodeName,
  type Position,
  type Revision,
  seq,
  slot,
} from '../words.ts';
import { Session, type Step } from './session.ts';

const member = { node: nodeName('a'), incarnation: incarnation(epoch(1), 1), address: 'a:1' };
const routes: Routes = {
  clusterId: 'c',
  epoch: epoch(1),
  revision: 1 as Revision,
  slots: 1,
  chains: [{ slot: slot(0), version: chainVersion(1), members: [member], joiner: null, drop: false }],
  times: [{ slot: slot(0), time: 1000 }],
};
const put = { op: 'put', key: key('k'), value: new Uint8Array(0), conditions: [] } as const;
const at: Position = { version: chainVersion(1), seq: seq(7) };

test.each([
  ['a value', at],
  ['that the key is absent', null],
])('a session read goes not back before a refusal that showed %s', (_what, position) => {
  const session = new Session(clientId(1), 0);
  session.learn(routes);
  const put = session.begin(
    {
      op: 'put',
      key: key('k'),
      value: new Uint8Array(0),
      conditions: [{ field: 'exists', operator: 'eq', value: 0 }],
    },
    1000,
    null,
  );
  session.next(put, 0);
  const seen = { position, objectVersion: position === null ? 0 : 1, at };
  session.onReply(put, failure('CONDITION_FAILED', 'the key exists', { seen }));
  const read = session.begin({ op: 'get', key: key('k'), level: 'session', boundMs: 0 }, 1000, null);
  const step: Step = session.next(read, 0);
  expect(step).toMatchObject({ kind: 'send', request: { op: 'get', token: at } });
});

/** How a write ends whose first attempt got no answer and whose second one got this. */
function secondAnswer(code: ErrorCode, pinned: boolean): Step {
  const session = new Session(clientId(1), 0);
  session.learn(routes);
  const call = session.begin(put, 10_000, pinned ? member.node : null);
  session.next(call, 0);
  session.onLost(call, true);
  expect(session.next(call, 100)).toMatchObject({ kind: 'send', request: { retry: true } });
  return session.onReply(call, failure(code, 'no'));
}

test.each([
  'NOT_HEAD',
  'NOT_MEMBER',
  'STORE_FAILED',
  'CLOCK_SKEW',
  'UNAVAILABLE',
  'VALUE_TOO_LARGE',
  'BAD_REQUEST',
  'DEADLINE_PAST',
  'NOT_FOUND',
] as const)('with an attempt unanswered %s of one named node leaves the write open (R48)', (code) => {
  expect(secondAnswer(code, true)).toMatchObject({
    kind: 'done',
    reply: { code, outcome: 'indefinite', message: expect.stringContaining('may have taken effect') },
  });
  const step = secondAnswer(code, false);
  if (step.kind === 'done') expect(step).toMatchObject({ reply: { code, outcome: 'indefinite' } });
});

test.each(['CONDITION_FAILED', 'NOT_A_COUNTER', 'COUNTER_OVERFLOW'] as const)(
  'with an attempt unanswered %s is definite: the head logged it',
  (code) => {
    for (const pinned of [true, false])
      expect(secondAnswer(code, pinned)).toMatchObject({
        kind: 'done',
        reply: { code, outcome: 'definite' },
      });
  },
);

test('without an attempt unanswered a refusal is definite', () => {
  const session = new Session(clientId(1), 0);
  session.learn(routes);
  const call = session.begin(put, 10_000, member.node);
  session.next(call, 0);
  expect(session.onReply(call, failure('NOT_HEAD', 'no'))).toMatchObject({ reply: { outcome: 'definite' } });
});

const many: Routes = {
  ...routes,
  slots: 2,
  chains: [0, 1].map((n) => ({ ...(routes.chains[0] as Routes['chains'][number]), slot: slot(n) })),
};
const keyIn = (session: Session, n: number) => {
  for (let i = 0; ; i++) if (session.slotOf(key(`k${i}`)) === n) return key(`k${i}`);
};
const done: Reply = {
  kind: 'written',
  position: at,
  objectVersion: 1,
  replaced: null,
  value: new Uint8Array(0),
  slotTime: 1000,
};

test('a stuck call holds up nobody: not in other slots, and not in its own', () => {
  const session = new Session(clientId(5), 0);
  session.learn(many);
  const [a, b] = [keyIn(session, 0), keyIn(session, 1)];
  const stuck = session.begin({ ...put, key: a }, 1e9);
  const first = session.next(stuck, 0);
  const ids = new Set<string>();
  const lanes = new Set<number>();
  let refused = 0;
  for (let i = 0; i < 100_000; i++) {
    const k = i % 2 === 0 ? a : b;
    if (!session.hasRoom(slot(i % 2))) refused++;
    const call = session.begin({ ...put, key: k }, 1e9);
    const step = session.next(call, 0);
    if (step.kind !== 'send' || step.request.op === 'get') throw new Error('no write');
    const { client, number, floor } = step.request;
    // What the chain demands of every session.
    if (floor < 1 || floor > number || number - floor > limits.sessionWindow) refused++;
    ids.add(`${client}/${number}`);
    if (k === a) lanes.add(client);
    else if (client !== 5) refused++;
    session.onReply(call, done);
  }
  expect(refused).toBe(0);
  expect(ids.size).toBe(100_000);
  expect(lanes.size).toBeGreaterThan(1);
  // The stuck one keeps its number and its floor, and is answered at last.
  expect(session.next(stuck, 0)).toMatchObject({
    request: first.kind === 'send' && first.request.op !== 'get' ? { floor: first.request.floor } : {},
  });
  session.onReply(stuck, done);
  const after = session.next(session.begin({ ...put, key: a }, 1e9), 0);
  expect(after).toMatchObject({ request: { client: 5 } });
});

test('a slot that does not answer at all fills its own room only', () => {
  const session = new Session(clientId(5), 0);
  session.learn(many);
  const [a, b] = [keyIn(session, 0), keyIn(session, 1)];
  let begun = 0;
  while (session.hasRoom(slot(0))) {
    session.begin({ ...put, key: a }, 1e9);
    begun++;
  }
  expect(begun).toBe(16_384);
  for (let i = 0; i < 40_000 && session.hasRoom(slot(1)); i++) {
    session.onReply(session.begin({ ...put, key: b }, 1e9), done);
  }
  expect(session.hasRoom(slot(1))).toBe(true);
});
