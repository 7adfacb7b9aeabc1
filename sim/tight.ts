/**
 * Limits so low that a run reaches them. A limit that no run reaches is not tested: the summary counts how often each
 * was, and `sim.test.ts` demands that each was.
 */
import { checkLimits, type Limits, limits } from '../protocol/limits.ts';
import type { PeerMessage } from '../protocol/messages.ts';
import type { Replica } from '../protocol/replica/state.ts';
import type { Reply } from '../protocol/requests.ts';
import type { Random } from './random.ts';

/** The limits that runs make low. */
export const tightLimits = [
  'valueBytes',
  'appendBytes',
  'copyBytes',
  'pendingEntries',
  'pendingBytes',
  'nodePendingBytes',
  'logMemoryBytes',
  'waitingRequests',
  'waitingBytes',
  'passedRequests',
  'inFlightBytes',
] as const satisfies readonly (keyof Limits)[];

export type TightLimit = (typeof tightLimits)[number];

const low: Record<TightLimit, readonly number[]> = {
  valueBytes: [1000, 30_000],
  appendBytes: [1, 300],
  copyBytes: [1, 300, 2000],
  pendingEntries: [1, 3],
  pendingBytes: [100, 400],
  nodePendingBytes: [400, 800],
  logMemoryBytes: [400, 1000],
  waitingRequests: [1, 3],
  waitingBytes: [20, 60],
  passedRequests: [1],
  inFlightBytes: [1, 300, 2000],
};

/** Half of the runs have the usual limits, the others some that are low. */
export function pickLimits(random: Random): Limits {
  const chosen = { ...limits };
  const share = random.pick([0, 0, 0.3, 0.6]);
  for (const name of tightLimits) if (random.chance(share)) chosen[name] = random.pick(low[name]);
  chosen.pendingBytes = Math.min(chosen.pendingBytes, chosen.nodePendingBytes, chosen.logMemoryBytes >> 1);
  const largest = Math.max(chosen.appendBytes, chosen.listBytes);
  chosen.frameBytes = largest + chosen.valueBytes + chosen.keyBytes + 65_536;
  checkLimits(chosen);
  return chosen;
}

/** Which limit a reply speaks of; null = of none. */
export function limitOfReply(reply: Reply, chosen: Limits): TightLimit | null {
  if (reply.kind !== 'failed') return null;
  const { code, message } = reply;
  if (code === 'VALUE_TOO_LARGE') return 'valueBytes';
  if (code !== 'OVERLOADED') return null;
  if (/^\d+ requests wait at/.test(message)) return 'waitingRequests';
  if (/^requests of \d+ bytes wait at/.test(message)) return 'waitingBytes';
  if (message.includes('waits for the answers of other nodes')) return 'passedRequests';
  if (message.startsWith('too many writes of all slots')) return 'nodePendingBytes';
  if (!message.startsWith('too many writes of this slot')) return null;
  return chosen.pendingEntries < limits.pendingEntries ? 'pendingEntries' : 'pendingBytes';
}

/** Whether the way to a successor is as full as it may be, so that the next entries wait. */
export const limitOfFlight = (r: Replica | undefined, chosen: Limits): TightLimit | null =>
  (r?.down?.flyingBytes ?? 0) >= chosen.inFlightBytes ? 'inFlightBytes' : null;

/** Which limit a notice speaks of; null = of none. */
export const limitOfNotice = (name: string): TightLimit | null =>
  name === 'read.overtaken' ? 'logMemoryBytes' : null;

/** Which limit cut a message; null = none. */
export function limitOfMessage(m: PeerMessage, chosen: Limits): TightLimit | null {
  if (m.kind === 'copyChunk' && m.next !== null) return 'copyBytes';
  if (m.kind !== 'append' || m.entries.length === 0) return null;
  let bytes = 0;
  for (const e of m.entries) bytes += e.length;
  return bytes >= chosen.appendBytes ? 'appendBytes' : null;
}
