import { describe, expect, test } from 'vitest';
import { Writer } from '../proto/writer.ts';
import type { Message } from '../protocol/messages.ts';
import type { Incarnation } from '../protocol/words.ts';
import { decodeFrame, encodeFrame } from './wire.ts';

const incarnation = (2 ** 21 + 5) as Incarnation;
const at = { version: 3, seq: 300 };
const before = { version: 2, seq: 7 };
const member = { node: 'n1', incarnation, address: 'n1:7000' };
const assignment = { slot: 9, version: 3, members: [member], joiner: member, drop: true };
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const report = {
  slot: 9,
  version: 3,
  state: 'serving',
  insync: incarnation,
  end: at,
  commit: before,
  why: 'w',
  refused: 4,
};
const routes = {
  clusterId: 'c',
  epoch: 1,
  revision: 2,
  slots: 64,
  chains: [assignment],
  times: [{ slot: 1, time: 1_700_000_000_000 }],
};
const place = { address: 'a:1', grpc: 'a:2', admin: 'a:3', zone: 'z', host: 'h', weight: 1.5 };
const get = {
  op: 'get',
  key: 'k\xff',
  version: 3,
  passOn: true,
  deadlineMs: 5000,
  level: 'session',
  boundMs: 10,
  token: at,
};
const add = {
  op: 'add',
  key: 'k',
  version: 3,
  passOn: false,
  deadlineMs: 5000,
  value: bytes('0102'),
  delta: -2n,
  conditions: [{ field: 'revision', operator: 'ge', value: -1 }],
  client: 2 ** 53 - 1,
  number: 12,
  floor: 11,
  slotTime: 1_700_000_000_000,
  retry: true,
};
const failed = {
  kind: 'failed',
  code: 'CONDITION_FAILED',
  outcome: 'definite',
  message: 'no',
  seen: { position: at, objectVersion: 4, at: before },
  route: assignment,
  slotTime: 1_700_000_000_000,
};
const written = {
  kind: 'written',
  position: at,
  objectVersion: 4,
  replaced: before,
  value: bytes('3132'),
  slotTime: 1_700_000_000_000,
};

/** Frames as other processes of this protocol version write them. A change here is a change of the protocol. */
const golden: readonly [name: string, message: unknown, hex: string][] = [
  [
    'ask get',
    { kind: 'ask', id: 1, request: get },
    '090500200000000000121c0a1a080112160a026bff100318012088272802300a3a05080310ac02',
  ],
  [
    'ask add',
    { kind: 'ask', id: 1, request: add },
    '09050020000000000012440a4208011a3e0a016b100320882728033202010239feffffffffffffff420d0803100619ff' +
      'ffffffffffffff49ffffffffffff1f00500c580b610068e5cf8b0100006801',
  ],
  [
    'answer read',
    {
      kind: 'answer',
      id: 300,
      reply: { kind: 'read', entry: bytes('aabb'), at, slotTime: 1_700_000_000_000 },
    },
    '090500200000000000121b121908ac0212140a02aabb1205080310ac02190068e5cf8b010000',
  ],
  [
    'answer absent',
    { kind: 'answer', id: 300, reply: { kind: 'read', entry: null, at, slotTime: 0 } },
    '090500200000000000120e120c08ac0212071205080310ac02',
  ],
  [
    'answer written',
    { kind: 'answer', id: 300, reply: written },
    '0905002000000000001223122108ac021a1c0a05080310ac0210041a040802100722023132290068e5cf8b010000',
  ],
  [
    'answer failed',
    { kind: 'answer', id: 300, reply: failed },
    '09050020000000000012e30012e00008ac0222da00080910011a026e6f220f0a05080310ac0210041a04080210072a36' +
      '080910031a160a026e311105002000000000001a076e313a3730303022160a026e311105002000000000001a076e313a' +
      '373030302801310068e5cf8b010000',
  ],
  [
    'append',
    {
      kind: 'append',
      slot: 9,
      version: 3,
      session: 2,
      entries: [bytes('aa'), bytes('bbcc')],
      end: at,
      durable: before,
      commit: before,
    },
    '09050020000000000012221a200809100318022201aa2202bbcc2a05080310ac023204080210073a0408021007',
  ],
  [
    'commit',
    {
      kind: 'commit',
      slot: 9,
      version: 3,
      session: 2,
      commit: at,
      durable: before,
      copied: true,
      headTold: true,
    },
    '090500200000000000121922170809100318022205080310ac022a040802100730013801',
  ],
  [
    'pass',
    { kind: 'pass', id: 2 ** 53 - 1, request: get },
    '09050020000000000012232a2108ffffffffffffff0f12160a026bff100318012088272802300a3a05080310ac02',
  ],
  [
    'passed',
    { kind: 'passed', id: 2 ** 53 - 1, reply: written },
    '0905002000000000001229322708ffffffffffffff0f1a1c0a05080310ac0210041a040802100722023132290068e5cf' +
      '8b010000',
  ],
  ['clock', { kind: 'clock', wall: 1_700_000_000_000 }, '090500200000000000120b3a09090068e5cf8b010000'],
  [
    'tail query',
    { kind: 'tailQuery', slot: 9, version: 3, round: 4 },
    '09050020000000000012084206080910031804',
  ],
  [
    'tail answer',
    { kind: 'tailAnswer', slot: 9, version: 3, round: 4, commit: at },
    '090500200000000000120f4a0d0809100318042205080310ac02',
  ],
  ['barrier', { kind: 'barrier', slot: 9, version: 3, round: 4 }, '09050020000000000012085206080910031804'],
  [
    'barrier answer',
    { kind: 'barrierAnswer', slot: 9, version: 3, round: 4, holds: true, commit: null },
    '090500200000000000120a5a080809100318042001',
  ],
  [
    'heartbeat',
    {
      kind: 'heartbeat',
      clusterId: 'c',
      incarnation,
      beat: 1,
      epoch: 2,
      revision: 3,
      reports: [report],
      report: 4,
      unreachable: [{ node: 'n2', forMs: 250 }],
      leaving: true,
      space: 'low',
      failed: 'disk',
      wall: 1_700_000_000_000,
      reign: 5,
    },
    '090500200000000000125e625c0905002000000000001001180220032a210809100318022105002000000000002a0508' +
      '0310ac023204080210073a0177400430043a070a026e3210fa0140014a046469736b510068e5cf8b0100005801610500' +
      '0000000000006a0163',
  ],
  ['space', { kind: 'space', level: 'full' }, '0905002000000000001205f201020802'],
  [
    'grant',
    {
      kind: 'grant',
      epoch: 1,
      incarnation,
      beat: 2,
      leaseMs: 1000,
      denied: [0, 9, 300],
      report: 4,
      admitted: true,
      left: true,
    },
    '090500200000000000121e6a1c0801110500200000000000180220e8072a040009ac02300438014001',
  ],
  [
    'hello',
    { kind: 'hello', protocol: 1, clusterId: 'c', name: 'n1', role: 'node', incarnation },
    '0905002000000000001216721408011201631a026e312001290500200000000000',
  ],
  ['ready', { kind: 'ready', slot: 9, version: 3 }, '09050020000000000012067a0408091003'],
  [
    'offer',
    {
      kind: 'offer',
      slot: 9,
      version: 3,
      session: 2,
      start: before,
      runs: [{ version: 2, first: 8 }],
      end: at,
      commit: before,
      features: 1,
    },
    '09050020000000000012248201210809100318022204080210072a04080210083205080310ac023a04080210074001',
  ],
  [
    'agree',
    {
      kind: 'agree',
      slot: 9,
      version: 3,
      session: 2,
      common: before,
      snapshot: true,
      promised: at,
      features: 1,
    },
    '090500200000000000121a8a011708091003180222040802100728013205080310ac023801',
  ],
  [
    'broken',
    { kind: 'broken', slot: 9, version: 3, session: 2, why: 'gap' },
    '090500200000000000120e92010b0809100318022203676170',
  ],
  [
    'copy request',
    { kind: 'copyRequest', slot: 9, version: 3, after: '' },
    '09050020000000000012099a0106080910031a00',
  ],
  [
    'copy chunk',
    {
      kind: 'copyChunk',
      slot: 9,
      version: 3,
      after: null,
      next: 'k',
      at,
      values: [bytes('aa')],
      damaged: ['l'],
    },
    '0905002000000000001218a201150809100322016b2a05080310ac023201aaf201016c',
  ],
  [
    'record request',
    { kind: 'recordRequest', slot: 9, version: 3, round: 2, key: 'k', atLeast: 300 },
    '090500200000000000120f92030c08091003180222016b28ac02',
  ],
  [
    'record answer',
    {
      kind: 'recordAnswer',
      slot: 9,
      version: 3,
      round: 2,
      key: 'k',
      state: 'value',
      entry: bytes('aa'),
      at,
    },
    '09050020000000000012189a031508091003180222016b28013201aa3a05080310ac02',
  ],
  [
    'compare request',
    {
      kind: 'compareRequest',
      slot: 9,
      version: 3,
      round: 2,
      after: 'a',
      next: 'k',
      atLeast: 300,
      records: true,
    },
    '0905002000000000001214a203110809100318022201612a016b30ac023801',
  ],
  [
    'compare answer',
    {
      kind: 'compareAnswer',
      slot: 9,
      version: 3,
      round: 2,
      state: 'records',
      next: 'k',
      at,
      digest: 5,
      summaries: [bytes('aa')],
      damaged: ['l'],
    },
    '090500200000000000121daa031a08091003180220022a016b3205080310ac0238054201aa4a016c',
  ],
  [
    'record suspect',
    { kind: 'recordSuspect', slot: 9, version: 3, key: 'k' },
    '090500200000000000120ab20307080910031a016b',
  ],
  [
    'sessions request',
    { kind: 'sessionsRequest', slot: 9, version: 3, after: 300 },
    '090500200000000000120ae203070809100318ac02',
  ],
  [
    'sessions chunk',
    {
      kind: 'sessionsChunk',
      slot: 9,
      version: 3,
      after: 0,
      next: 300,
      at,
      forgotten: { last: 5, stamp: 6 },
      sessions: [bytes('aa')],
    },
    '0905002000000000001221ea031e0809100320ac022a05080310ac02320b08051106000000000000003a01aa',
  ],
  [
    'register',
    {
      kind: 'register',
      clusterId: 'c',
      node: 'n1',
      store: 's',
      place,
      epoch: 1,
      previous: incarnation,
      lockProof: true,
      reports: [report],
      process: 6,
      reign: 5,
      revision: 3,
    },
    '0905002000000000001271aa016e0a016312026e311a0173221e0a03613a311203613a321a03613a3322017a2a016831' +
      '000000000000f83f2801310500200000000000380142210809100318022105002000000000002a05080310ac02320408' +
      '0210073a017740045106000000000000005905000000000000006003',
  ],
  [
    'holdings',
    { kind: 'holdings', node: 'n1', store: 's', more: 2, assignments: [assignment] },
    '0905002000000000001244c202410a026e3112017318022236080910031a160a026e311105002000000000001a076e313a' +
      '3730303022160a026e311105002000000000001a076e313a373030302801',
  ],
  ['goodbye', { kind: 'goodbye', incarnation }, '090500200000000000120cb20109090500200000000000'],
  ['ask routes', { kind: 'askRoutes' }, '0905002000000000001203ba0100'],
  [
    'registered',
    { kind: 'registered', clusterId: 'c', epoch: 1, reign: 5, incarnation, slots: 64 },
    '090500200000000000121cc201190a016310011905002000000000002040290500000000000000',
  ],
  [
    'set',
    {
      kind: 'set',
      clusterId: 'c',
      epoch: 1,
      revision: 2,
      incarnation,
      assignments: [assignment],
      routes: [assignment],
      reign: 5,
      page: 1,
      more: 2,
    },
    '090500200000000000129101ca018d010a0163100118022105002000000000002a36080910031a160a026e3111050020' +
      '00000000001a076e313a3730303022160a026e311105002000000000001a076e313a3730303028013236080910031a16' +
      '0a026e311105002000000000001a076e313a3730303022160a026e311105002000000000001a076e313a373030302801' +
      '39050000000000000040014802',
  ],
  [
    'refused',
    { kind: 'refused', why: 'w', code: 'NOT_LEADER', leader: 'c0:7000' },
    '0905002000000000001211d2010e0a017710011a0763303a37303030',
  ],
  [
    'routes',
    { kind: 'routes', routes },
    '0905002000000000001253da01500a4e0a01631001180220402a36080910031a160a026e311105002000000000001a07' +
      '6e313a3730303022160a026e311105002000000000001a076e313a37303030280132' +
      '0b0801110068e5cf8b010000',
  ],
  [
    'list',
    { kind: 'list', id: 300, slot: 9, after: 'k\xff', maxBytes: 65_536 },
    '0905002000000000001210e2010d08ac0210091a026bff20808004',
  ],
  [
    'listed',
    { kind: 'listed', id: 300, values: [bytes('aa'), bytes('bbcc')], damaged: ['l'], next: 'k', at },
    '090500200000000000121aea011708ac021201aa1202bbcc1a016b2205080310ac022a016c',
  ],
];

const encode = (message: Message): string => {
  const w = new Writer();
  encodeFrame([message], incarnation, w);
  return w.bytes.toString('hex', 0, w.at);
};

describe('frames of protocol version 1', () => {
  test.each(golden)('%s', (_name, message, hex) => {
    expect(encode(message as Message)).toBe(hex);
    expect(decodeFrame(bytes(hex))).toEqual({ incarnation, messages: [message] });
  });
});
