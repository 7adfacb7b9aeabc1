import { expect, test } from 'vitest';
import type { NodeCoreContract } from '../protocol/node/contract.ts';
import { openForInspection } from '../protocol/node/inspect.ts';
import type { NodeState } from '../protocol/node/state.ts';
import type { Request } from '../protocol/requests.ts';
import {
  type ChainVersion,
  type ClientId,
  key,
  nodeName,
  type RequestNumber,
  type Slot,
} from '../protocol/words.ts';
import { edgeFault } from './edge.ts';

const limits = { keyBytes: 10, valueBytes: 20, clientConnections: 1 };

/** A core of one slot whose replica has this place in its chain; null = it has no replica. */
function coreAt(index: number | null): NodeCoreContract {
  const replicas = new Map(index === null ? [] : [[0 as Slot, { role: 'member', index }]]);
  const core = {} as NodeCoreContract;
  openForInspection(core, { config: { name: nodeName('n1'), slots: 1 }, replicas } as unknown as NodeState);
  return core;
}

function write(op: 'put' | 'delete' | 'add', name = 'key', value = ''): Request {
  return {
    op,
    key: key(name),
    version: 0 as ChainVersion,
    passOn: true,
    deadlineMs: 1000,
    value: Buffer.from(value),
    delta: 0n,
    conditions: [],
    client: 1 as ClientId,
    number: 1 as RequestNumber,
    floor: 1 as RequestNumber,
    slotTime: 0,
    retry: false,
  };
}

test('limits of the manifest are held', () => {
  const core = coreAt(0);
  expect(edgeFault(write('put', 'k'.repeat(10), 'v'.repeat(20)), limits, 'ok', core)).toBeNull();
  expect(edgeFault(write('put', 'k'.repeat(11)), limits, 'ok', core)?.code).toBe('KEY_TOO_LONG');
  expect(edgeFault(write('put', 'k', 'v'.repeat(21)), limits, 'ok', core)?.code).toBe('VALUE_TOO_LARGE');
});

test('a head whose disk is nearly full takes only deletes, and none when it is full', () => {
  const head = coreAt(0);
  for (const op of ['put', 'add'] as const)
    for (const space of ['low', 'full'] as const)
      expect(edgeFault(write(op), limits, space, head)).toMatchObject({
        code: 'OVERLOADED',
        outcome: 'definite',
      });
  expect(edgeFault(write('delete'), limits, 'low', head)).toBeNull();
  expect(edgeFault(write('delete'), limits, 'full', head)?.code).toBe('OVERLOADED');
});

test('what another head decides is passed on, and reads go on', () => {
  expect(edgeFault(write('put'), limits, 'full', coreAt(1))).toBeNull();
  expect(edgeFault(write('put'), limits, 'full', coreAt(null))).toBeNull();
  const read = { ...write('put'), op: 'get', level: 'strong', boundMs: 0, token: null } as unknown as Request;
  expect(edgeFault(read, limits, 'full', coreAt(0))).toBeNull();
});
