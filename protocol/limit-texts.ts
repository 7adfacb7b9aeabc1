/** What each limit bounds, and what is done beyond it: the text of docs/limits.md, beside the numbers. */
import type { Limits } from './limits.ts';

export interface LimitText {
  readonly bounds: string;
  /** What happens beyond it. */
  readonly beyond: string;
  /** A metric that shows how near it is, or that it was reached; '' = none is needed. */
  readonly metric: string;
}

const refusedWith = (code: string): string => `chain_node_requests_total{code="${code}"}`;

export const limitTexts: Readonly<Record<keyof Limits, LimitText>> = {
  slots: { bounds: 'slots of a cluster', beyond: 'the manifest is refused', metric: '' },
  keyBytes: {
    bounds: 'bytes of a key',
    beyond: 'KEY_TOO_LONG; a manifest may set less',
    metric: refusedWith('KEY_TOO_LONG'),
  },
  valueBytes: {
    bounds: 'bytes of a value',
    beyond: 'VALUE_TOO_LARGE; a manifest may set less',
    metric: refusedWith('VALUE_TOO_LARGE'),
  },
  lists: {
    bounds: 'pages of values that are read at one node at once',
    beyond: 'OVERLOADED; another member is asked',
    metric: 'chain_node_lists',
  },
  listBytes: {
    bounds: 'bytes of one page of values; a value more may follow',
    beyond: 'the rest goes with the next page',
    metric: '',
  },
  conditions: {
    bounds: 'conditions of one request',
    beyond: 'BAD_REQUEST',
    metric: refusedWith('BAD_REQUEST'),
  },
  frameBytes: {
    bounds: 'bytes of one frame between peers',
    beyond:
      'a message that does not fit is lost, with an event; a longer frame that arrives ends its connection',
    metric: 'chain_node_events_total{event="link.unsendable"}, {event="link.refused"}',
  },
  clientFrameBytes: {
    bounds: 'bytes of one frame of a client',
    beyond: 'its connection is closed (MALFORMED_FRAME)',
    metric: 'chain_node_events_total{event="link.refused"}',
  },
  appendBytes: {
    bounds: 'bytes of entries in one message down the chain',
    beyond: 'the rest goes with the next message',
    metric: '',
  },
  copyBytes: {
    bounds: 'bytes of values in one chunk of a copy',
    beyond: 'the rest goes with the next chunk',
    metric: '',
  },
  sessionWindow: {
    bounds: 'how far a request number may lie above its session’s lowest unanswered one, in one slot',
    beyond: 'BAD_REQUEST; the client library goes on under another client id before',
    metric: refusedWith('BAD_REQUEST'),
  },
  pendingEntries: {
    bounds: 'uncommitted entries of one slot',
    beyond: 'its head refuses writes (OVERLOADED, definite)',
    metric: 'chain_node_commit_lag_entries_max',
  },
  pendingBytes: {
    bounds: 'bytes of uncommitted entries of one slot',
    beyond: 'its head refuses writes (OVERLOADED, definite)',
    metric: 'chain_node_pending_bytes',
  },
  nodePendingBytes: {
    bounds: 'bytes of uncommitted entries of all slots of a node; one slot may hold as much as is left free',
    beyond: 'as a head it refuses writes of the slots that hold most (OVERLOADED, definite)',
    metric: 'chain_node_pending_bytes',
  },
  dedupeResults: {
    bounds: 'results of writes that one slot remembers for retries',
    beyond: 'the oldest are forgotten; a request that may have been one of them is SESSION_EXPIRED',
    metric: refusedWith('SESSION_EXPIRED'),
  },
  logMemoryBytes: {
    bounds: 'bytes of entries of one slot in memory, those included that reads of the store pin',
    beyond: 'reads of the store are given up and asked for again',
    metric: 'chain_node_events_total{event="read.overtaken"}',
  },
  inFlightBytes: {
    bounds: 'bytes of entries sent to a successor and not confirmed',
    beyond: 'the rest waits until it confirms; the message that reaches the limit may go beyond',
    metric: 'chain_node_commit_lag_entries',
  },
  waitingRequests: {
    bounds: 'requests that wait inside a node, those of other nodes included',
    beyond: 'OVERLOADED, definite',
    metric: 'chain_node_requests_waiting, chain_node_requests_of_nodes',
  },
  waitingBytes: {
    bounds: 'bytes of keys and values of requests that wait inside a node',
    beyond: 'OVERLOADED, definite; one alone is taken',
    metric: 'chain_node_requests_waiting_bytes',
  },
  passedRequests: {
    bounds: 'requests that a node passed to others and that were not answered',
    beyond: 'OVERLOADED, definite; the answer names the route',
    metric: 'chain_node_requests_passed',
  },
  repairs: {
    bounds: 'damaged records of one slot that are repaired at once, and reads for members that repair theirs',
    beyond: 'a read of one more is CORRUPT, a write OVERLOADED; both may go to another member or be repeated',
    metric: 'chain_node_events_total{event="record.damaged"}',
  },
  chainLength: { bounds: 'members of a chain', beyond: 'the manifest is refused', metric: '' },
  beatReports: {
    bounds: 'reports of slots in one heartbeat',
    beyond: 'the rest follows with the next heartbeat; no lease comes from a part',
    metric: '',
  },
  pageChains: {
    bounds: 'chains in one page of a set, of what a node tells an orphan, and of routes',
    beyond: 'the rest follows in further pages',
    metric: '',
  },
};
