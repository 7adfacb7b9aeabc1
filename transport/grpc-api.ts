/** What the gRPC services take and give, and how it is written. The schema with its comments is proto/chaincluster.proto. */
import {
  bool,
  bytes,
  type Codec,
  fixed64,
  int64,
  latin1,
  message,
  nested,
  nestedList,
  nestedOrNull,
  text,
  uint,
  uint32,
  word,
  words,
} from '../proto/fields.ts';
import type { Place } from '../protocol/messages.ts';
import type { Condition, ReadLevel, Routes } from '../protocol/requests.ts';
import type {
  Assignment,
  ClientId,
  Epoch,
  Incarnation,
  Key,
  NodeName,
  Position,
  RequestNumber,
  Revision,
  Seq,
  Slot,
  StoreId,
  WallMs,
} from '../protocol/words.ts';
import { place, routes } from './wire-cluster.ts';
import { assignment, condition, position } from './wire-parts.ts';
import { readLevels } from './wire-words.ts';

export interface GetRequest {
  readonly key: Key;
  readonly level: ReadLevel;
  readonly boundMs: number;
  readonly token: Position | null;
}

export interface GetResponse {
  /** null = there is no such key. */
  readonly object: StoredObject | null;
  readonly slot: Slot;
  readonly token: Position;
  readonly slotTime: WallMs;
}

export interface StoredObject {
  readonly value: Uint8Array;
  readonly revision: Seq;
  readonly version: number;
  readonly created: WallMs;
  readonly updated: WallMs;
}

interface WriteCall {
  readonly key: Key;
  readonly conditions: readonly Condition[];
  /** null = the caller does not number its requests. */
  readonly id: RequestId | null;
}

export interface PutRequest extends WriteCall {
  readonly value: Uint8Array;
}

export interface DeleteRequest extends WriteCall {}

export interface AddRequest extends WriteCall {
  readonly delta: bigint;
}

export interface RequestId {
  readonly client: ClientId;
  readonly number: RequestNumber;
  readonly floor: RequestNumber;
  readonly slotTime: WallMs;
  readonly retry: boolean;
}

export interface WriteResponse {
  readonly position: Position;
  readonly slot: Slot;
  readonly version: number;
  /** null = the key was absent. */
  readonly replaced: Position | null;
  readonly slotTime: WallMs;
}

export interface AddResponse {
  readonly write: WriteResponse;
  readonly value: bigint;
}

export type Empty = Readonly<Record<never, never>>;

export interface StatusResponse {
  readonly clusterId: string;
  readonly epoch: Epoch;
  readonly revision: Revision;
  readonly leader: string;
  readonly nodes: readonly NodeStatus[];
  readonly chains: readonly ChainStatus[];
}

export interface NodeStatus {
  readonly node: NodeName;
  readonly store: StoreId;
  readonly place: Place;
  readonly incarnation: Incarnation;
  readonly health: 'unknown' | 'healthy' | 'suspect' | 'dead';
  readonly silentMs: number;
  readonly admitted: boolean;
  readonly leaving: boolean;
  readonly left: boolean;
  readonly failed: string;
  readonly why: string;
}

export interface ChainStatus {
  readonly assignment: Assignment;
  readonly serving: number;
  readonly desired: number;
  readonly why: string;
}

export interface DrainRequest {
  readonly node: NodeName;
  readonly cancel: boolean;
}

export interface DrainResponse {
  readonly chains: number;
  readonly left: boolean;
}

const getRequest = message<GetRequest>('GetRequest', {
  key: latin1(1),
  level: word(2, readLevels),
  boundMs: uint(3),
  token: nestedOrNull(4, position),
});

const storedObject = message<StoredObject>('Object', {
  value: bytes(1),
  revision: uint(2),
  version: uint(3),
  created: fixed64(4),
  updated: fixed64(5),
});

const getResponse = message<GetResponse>('GetResponse', {
  object: nestedOrNull(1, storedObject),
  slot: uint32(2),
  token: nested(3, position),
  slotTime: fixed64(4),
});

const requestId = message<RequestId>('RequestId', {
  client: fixed64(1),
  number: uint(2),
  floor: uint(3),
  slotTime: fixed64(4),
  retry: bool(5),
});

const putRequest = message<PutRequest>('PutRequest', {
  key: latin1(1),
  value: bytes(2),
  conditions: nestedList(3, condition),
  id: nestedOrNull(4, requestId),
});

const deleteRequest = message<DeleteRequest>('DeleteRequest', {
  key: latin1(1),
  conditions: nestedList(2, condition),
  id: nestedOrNull(3, requestId),
});

const addRequest = message<AddRequest>('AddRequest', {
  key: latin1(1),
  delta: int64(2),
  conditions: nestedList(3, condition),
  id: nestedOrNull(4, requestId),
});

const writeResponse = message<WriteResponse>('WriteResponse', {
  position: nested(1, position),
  slot: uint32(2),
  version: uint(3),
  replaced: nestedOrNull(4, position),
  slotTime: fixed64(5),
});

const addResponse = message<AddResponse>('AddResponse', { write: nested(1, writeResponse), value: int64(2) });

const empty = message<Empty>('Empty', {});

const health = words<NodeStatus['health']>({ unknown: 0, healthy: 1, suspect: 2, dead: 3 });

const nodeStatus = message<NodeStatus>('NodeStatus', {
  node: text(1),
  store: text(2),
  place: nested(3, place),
  incarnation: fixed64(4),
  health: word(5, health),
  silentMs: uint(6),
  admitted: bool(7),
  leaving: bool(8),
  left: bool(9),
  failed: text(10),
  why: text(11),
});

const chainStatus = message<ChainStatus>('ChainStatus', {
  assignment: nested(1, assignment),
  serving: uint32(2),
  desired: uint32(3),
  why: text(4),
});

const statusResponse = message<StatusResponse>('StatusResponse', {
  clusterId: text(1),
  epoch: uint(2),
  revision: uint(3),
  leader: text(4),
  nodes: nestedList(5, nodeStatus),
  chains: nestedList(6, chainStatus),
});

const drainRequest = message<DrainRequest>('DrainRequest', { node: text(1), cancel: bool(2) });

const drainResponse = message<DrainResponse>('DrainResponse', { chains: uint32(1), left: bool(2) });

/** A unary method. */
export interface Method<Request, Response> {
  readonly name: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}

export interface Service<Methods> {
  /** Full name in the schema. */
  readonly name: string;
  readonly methods: Methods;
}

const method = <Request, Response>(
  name: string,
  request: Codec<Request>,
  response: Codec<Response>,
): Method<Request, Response> => ({ name, request, response });

/** Reads and writes of keys; every node offers it. */
export const keyValueService = {
  name: 'chaincluster.v1.KeyValue',
  methods: {
    get: method('Get', getRequest, getResponse),
    put: method('Put', putRequest, writeResponse),
    delete: method('Delete', deleteRequest, writeResponse),
    add: method('Add', addRequest, addResponse),
  },
} as const;

/** What the cluster is made of; the leading coordinator offers it. */
export const clusterService = {
  name: 'chaincluster.v1.Cluster',
  methods: {
    topology: method<Empty, Routes>('Topology', empty, routes),
    status: method<Empty, StatusResponse>('Status', empty, statusResponse),
    drain: method('Drain', drainRequest, drainResponse),
  },
} as const;

export type KeyValueMethods = typeof keyValueService.methods;
export type ClusterMethods = typeof clusterService.methods;
export type RequestOf<M> = M extends Method<infer Request, infer _> ? Request : never;
export type ResponseOf<M> = M extends Method<infer _, infer Response> ? Response : never;
