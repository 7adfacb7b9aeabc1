/** Limits of links and gRPC. */
import type { LimitText } from '../protocol/limit-texts.ts';

export const transportLimits = {
  helloBytes: 4096,
  frameMessages: 65_536,
  /** Bytes waiting above which a sender is told to slow down. */
  queueOverloadedBytes: 8_388_608,
  /** Bytes waiting above which messages are dropped. */
  queueDropBytes: 67_108_864,
  bulkWaiting: 64,
  connections: 4096,
  connectionsOfPeer: 8,
  clientOutBytes: 134_217_728,
  clientPartialBytes: 67_108_864,
  peerOutBytes: 268_435_456,
  peerPartialBytes: 268_435_456,
  /** Heartbeats and marks reach a peer whatever waits for others. */
  peerReserveBytes: 65_536,
  grpcMessageBytes: 2_097_152,
  grpcStreams: 128,
  grpcSessionMiB: 64,
  grpcDeadlineMs: 60_000,
} as const;

const closed = 'chain_node_events_total{event="link.refused"}';

export const transportLimitTexts: Readonly<Record<keyof typeof transportLimits, LimitText>> = {
  helloBytes: {
    bounds: 'bytes of the first frame of a connection',
    beyond: 'the connection is closed',
    metric: closed,
  },
  frameMessages: {
    bounds: 'messages of one frame',
    beyond: 'the next frame takes the rest; one that arrives with more ends its connection',
    metric: closed,
  },
  queueOverloadedBytes: {
    bounds: 'bytes that wait for one connection until its sender is told to slow down',
    beyond: 'copies pause',
    metric: 'chain_node_peer_queued_bytes',
  },
  queueDropBytes: {
    bounds: 'bytes that wait for one connection',
    beyond: 'messages to a peer are lost, which the chain repeats; a client is disconnected',
    metric: 'chain_node_peer_queued_bytes, chain_node_client_queued_bytes',
  },
  bulkWaiting: {
    bounds: 'chunks that wait while their connection is opened',
    beyond: 'the chunk is lost, and asked for again',
    metric: '',
  },
  connections: {
    bounds: 'connections to one port; at a node `limits.clientConnections` of the manifest and 256 for peers',
    beyond: 'further ones are refused',
    metric: 'chain_node_events_total{event="link.dropped"}',
  },
  connectionsOfPeer: {
    bounds: 'connections of one named peer',
    beyond: 'further ones are refused (OVERLOADED)',
    metric: closed,
  },
  clientOutBytes: {
    bounds: 'bytes that wait for all clients; one may hold as much as is left free',
    beyond: 'the client that does not read is disconnected (OVERLOADED)',
    metric: 'chain_node_client_queued_bytes',
  },
  clientPartialBytes: {
    bounds: 'frames of clients of which a part is missing',
    beyond: 'the connection that begins another one is closed (OVERLOADED)',
    metric: 'chain_node_client_partial_bytes',
  },
  peerOutBytes: {
    bounds: 'bytes that wait for all peers; one may hold as much as is left free',
    beyond: 'messages are lost, which the chain repeats',
    metric: 'chain_node_peer_queued_bytes',
  },
  peerPartialBytes: {
    bounds: 'frames of peers of which a part is missing',
    beyond: 'the connection that begins another one is closed, and opened again',
    metric: 'chain_node_peer_partial_bytes',
  },
  peerReserveBytes: {
    bounds: 'bytes that may wait for a peer whatever waits for others',
    beyond: 'as peerOutBytes',
    metric: '',
  },
  grpcMessageBytes: {
    bounds: 'bytes of one gRPC request',
    beyond: 'RESOURCE_EXHAUSTED',
    metric: '',
  },
  grpcStreams: {
    bounds: 'calls at once of one gRPC connection',
    beyond: 'HTTP/2 makes them wait',
    metric: '',
  },
  grpcSessionMiB: {
    bounds: 'MiB that one gRPC connection may make a process keep',
    beyond: 'the connection is ended',
    metric: '',
  },
  grpcDeadlineMs: {
    bounds: 'milliseconds that a gRPC call may take, whatever its deadline says',
    beyond: 'DEADLINE_EXCEEDED',
    metric: '',
  },
};
