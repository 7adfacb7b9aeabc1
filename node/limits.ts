/** Limits of the process of a storage node. */
import type { LimitText } from '../protocol/limit-texts.ts';

export const nodeLimits = {
  waitingOfConnection: 65_536,
  /** Connections of peers and coordinators beside those of clients. */
  peerConnections: 256,
  valueReads: 8,
} as const;

export const nodeLimitTexts: Readonly<Record<keyof typeof nodeLimits, LimitText>> = {
  waitingOfConnection: {
    bounds: 'requests of one connection that wait',
    beyond: 'OVERLOADED, definite',
    metric: 'chain_node_requests_waiting',
  },
  peerConnections: {
    bounds: 'connections beside those of clients',
    beyond: 'further ones are refused',
    metric: 'chain_node_events_total{event="link.dropped"}',
  },
  valueReads: {
    bounds: 'values that are read from the disk at once',
    beyond: 'the others wait; each belongs to a request that waits, and is given up after 60 s',
    metric: 'chain_node_reads_off_the_loop_total',
  },
};
