import { expect, test } from 'vitest';
import { failure } from '../replies.ts';
import type { Routes } from '../requests.ts';
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
const at: Position = { version: chainVersion(1), seq: seq(7) };

test('a session read names what a refused condition showed', () => {
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
  const seen = { position: at, objectVersion: 1, updated: 1000 };
  session.onReply(put, failure('CONDITION_FAILED', 'the key exists', { seen }));
  const read = session.begin({ op: 'get', key: key('k'), level: 'session', boundMs: 0 }, 1000, null);
  const step: Step = session.next(read, 0);
  expect(step).toMatchObject({ kind: 'send', request: { op: 'get', token: at } });
});
