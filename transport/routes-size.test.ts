/** The largest cluster's routes: every page fits a frame, whatever its nodes are called. */
import { expect, test } from 'vitest';
import { Writer } from '../proto/writer.ts';
import { limits } from '../protocol/limits.ts';
import type { Routes } from '../protocol/requests.ts';
import { pagesOfRoutes } from '../protocol/routes.ts';
import {
  type Assignment,
  type ChainVersion,
  type Incarnation,
  type NodeName,
  nodeName,
  type Slot,
} from '../protocol/words.ts';
import { encodeMessage } from './wire.ts';

/** As many slots and members as there may be, with a joiner each, and the longest numbers. */
function largest(nameBytes: number, addressBytes: number): Routes {
  const member = (n: number): Assignment['members'][number] => ({
    node: nodeName(`${n}`.padEnd(nameBytes, 'n')) as NodeName,
    incarnation: Number.MAX_SAFE_INTEGER as Incarnation,
    address: `${n}`.padEnd(addressBytes, 'a'),
  });
  const slots = Array.from({ length: limits.slots }, (_, n) => n as Slot);
  return {
    clusterId: 'c'.repeat(64),
    epoch: Number.MAX_SAFE_INTEGER as Routes['epoch'],
    revision: Number.MAX_SAFE_INTEGER,
    slots: limits.slots,
    chains: slots.map((slot) => ({
      slot,
      version: Number.MAX_SAFE_INTEGER as ChainVersion,
      members: Array.from({ length: limits.chainLength }, (_, i) => member(i)),
      joiner: member(limits.chainLength),
      drop: false,
    })),
    times: slots.map((slot) => ({ slot, time: Number.MAX_SAFE_INTEGER as Routes['times'][number]['time'] })),
  };
}

function bytesOf(message: Parameters<typeof encodeMessage>[0]): number {
  const out = new Writer();
  encodeMessage(message, out);
  return out.at;
}

// A host has at most 253 letters; the colon and the port are six more.
const pages = pagesOfRoutes(largest(253, 259));

test('each page of the largest routes is below the bound of a frame', () => {
  const sizes = pages.map(bytesOf);
  expect(sizes).toHaveLength(limits.slots / limits.pageChains);
  expect(Math.max(...sizes)).toBeLessThan(limits.frameBytes / 2);
});

test('in one piece they would not be', () => {
  expect(bytesOf({ kind: 'routes', routes: largest(253, 259) })).toBeGreaterThan(limits.frameBytes);
});

test('the pages hold all of it once', () => {
  expect(pages.flatMap(({ routes }) => routes.chains.map((c) => c.slot))).toEqual(
    Array.from({ length: limits.slots }, (_, n) => n),
  );
  expect(pages.flatMap(({ routes }) => routes.times)).toHaveLength(limits.slots);
});

test('routes of a small cluster are one message, and of one that has not begun too', () => {
  const routes = largest(10, 20);
  expect(pagesOfRoutes({ ...routes, chains: routes.chains.slice(0, 64) })).toHaveLength(1);
  expect(pagesOfRoutes({ ...routes, chains: [], times: [] })).toHaveLength(1);
});

test('with names as Kubernetes gives them they fit one answer of gRPC in one piece', () => {
  // A name of 63 letters, and the longest address of a pod with its port.
  expect(bytesOf({ kind: 'routes', routes: largest(63, 47) })).toBeLessThan(limits.frameBytes);
});
