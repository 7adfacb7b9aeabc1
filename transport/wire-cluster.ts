/** Messages between node and coordinator, routes, and the first message of a link. */
import {
  bool,
  type Codec,
  double,
  fixed64,
  message,
  nested,
  nestedList,
  text,
  uint,
  uint32,
  uint32List,
  word,
} from '../proto/fields.ts';
import type {
  AskRoutes,
  AssignmentSet,
  Goodbye,
  Grant,
  Heartbeat,
  Hello,
  Holdings,
  Place,
  Refused,
  Register,
  Registered,
  ReplicaReport,
  RoutesMessage,
} from '../protocol/messages.ts';
import type { Routes, SlotTime } from '../protocol/requests.ts';
import { assignment, position } from './wire-parts.ts';
import { refusedCodes, replicaStates, roles, spaceLevels } from './wire-words.ts';

export const hello: Codec<Hello> = message<Hello>(
  'Hello',
  { protocol: uint(1), clusterId: text(2), name: text(3), role: word(4, roles), incarnation: fixed64(5) },
  { kind: 'hello' },
);

export const place: Codec<Place> = message<Place>('Place', {
  address: text(1),
  grpc: text(2),
  admin: text(3),
  zone: text(4),
  host: text(5),
  weight: double(6),
});

const report = message<ReplicaReport>('ReplicaReport', {
  slot: uint32(1),
  version: uint(2),
  state: word(3, replicaStates),
  insync: fixed64(4),
  end: nested(5, position),
  commit: nested(6, position),
  why: text(7),
  refused: uint(8),
});

export const register: Codec<Register> = message<Register>(
  'Register',
  {
    clusterId: text(1),
    node: text(2),
    store: text(3),
    place: nested(4, place),
    epoch: uint(5),
    previous: fixed64(6),
    lockProof: bool(7),
    reports: nestedList(8, report),
    process: fixed64(10),
    reign: fixed64(11),
    revision: uint(12),
  },
  { kind: 'register' },
);

export const holdings: Codec<Holdings> = message<Holdings>(
  'Holdings',
  { node: text(1), store: text(2), more: uint32(3), assignments: nestedList(4, assignment) },
  { kind: 'holdings' },
);

const unreachable = message<Heartbeat['unreachable'][number]>('Unreachable', {
  node: text(1),
  forMs: uint(2),
});

export const heartbeat: Codec<Heartbeat> = message<Heartbeat>(
  'Heartbeat',
  {
    incarnation: fixed64(1),
    beat: uint(2),
    epoch: uint(3),
    revision: uint(4),
    reports: nestedList(5, report),
    report: uint(6),
    unreachable: nestedList(7, unreachable),
    leaving: bool(8),
    failed: text(9),
    wall: fixed64(10),
    space: word(11, spaceLevels),
    reign: fixed64(12),
    clusterId: text(13),
  },
  { kind: 'heartbeat' },
);

export const goodbye: Codec<Goodbye> = message<Goodbye>(
  'Goodbye',
  { incarnation: fixed64(1) },
  { kind: 'goodbye' },
);

export const askRoutes: Codec<AskRoutes> = message<AskRoutes>('AskRoutes', {}, { kind: 'askRoutes' });

export const registered: Codec<Registered> = message<Registered>(
  'Registered',
  { clusterId: text(1), epoch: uint(2), incarnation: fixed64(3), slots: uint32(4), reign: fixed64(5) },
  { kind: 'registered' },
);

export const grant: Codec<Grant> = message<Grant>(
  'Grant',
  {
    epoch: uint(1),
    incarnation: fixed64(2),
    beat: uint(3),
    leaseMs: uint(4),
    denied: uint32List(5),
    report: uint(6),
    admitted: bool(7),
    left: bool(8),
  },
  { kind: 'grant' },
);

export const assignmentSet: Codec<AssignmentSet> = message<AssignmentSet>(
  'AssignmentSet',
  {
    clusterId: text(1),
    epoch: uint(2),
    revision: uint(3),
    incarnation: fixed64(4),
    assignments: nestedList(5, assignment),
    routes: nestedList(6, assignment),
    reign: fixed64(7),
    page: uint32(8),
    more: uint32(9),
  },
  { kind: 'set' },
);

export const refused: Codec<Refused> = message<Refused>(
  'Refused',
  { why: text(1), code: word(2, refusedCodes), leader: text(3) },
  { kind: 'refused' },
);

const slotTime: Codec<SlotTime> = message<SlotTime>('SlotTime', { slot: uint32(1), time: fixed64(2) });

export const routes: Codec<Routes> = message<Routes>('Routes', {
  clusterId: text(1),
  epoch: uint(2),
  revision: uint(3),
  slots: uint32(4),
  chains: nestedList(5, assignment),
  times: nestedList(6, slotTime),
});

export const routesMessage: Codec<RoutesMessage> = message<RoutesMessage>(
  'RoutesMessage',
  { routes: nested(1, routes) },
  { kind: 'routes' },
);
