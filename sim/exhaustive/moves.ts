/** What may happen next in a small world, and what it does. The deciding code is the real one of protocol/replica. */

import { limits } from '../../protocol/limits.ts';
import type { PersistItem } from '../../protocol/persist.ts';
import { collect, persisted } from '../../protocol/replica/batch.ts';
import { flow } from '../../protocol/replica/chain.ts';
import { roomOf } from '../../protocol/replica/dedupe.ts';
import { retryHandshakes } from '../../protocol/replica/handshake.ts';
import { assign, onLinkUp } from '../../protocol/replica/install.ts';
import { canRead, read } from '../../protocol/replica/reading.ts';
import { bootReplica, onMessage } from '../../protocol/replica/replica.ts';
import { isHead, type Replica, successor } from '../../protocol/replica/state.ts';
import { write } from '../../protocol/replica/writing.ts';
import type { ReadRequest, Reply, WriteRequest } from '../../protocol/requests.ts';
import { defaultTimings } from '../../protocol/timings.ts';
import { chainVersion, clientId, epoch, incarnation, key, requestNumber } from '../../protocol/words.ts';
import { SmallContext } from './context.ts';
import {
  assignmentOf,
  type Process,
  pairOf,
  type SavedMember,
  type Scope,
  theSlot,
  type World,
  wireOf,
  writeDisk,
} from './world.ts';

export type Move =
  | { readonly kind: 'deliver' | 'lose' | 'break'; readonly from: number; readonly to: number }
  | {
      readonly kind:
        | 'persist'
        | 'crash'
        | 'crashWritten'
        | 'restart'
        | 'assign'
        | 'leaveOut'
        | 'takeIn'
        | 'expire'
        | 'write'
        | 'read'
        | 'retry';
      readonly at: number;
    };

const never = Number.POSITIVE_INFINITY;

/** Everything that may happen now. */
export function movesOf(w: World, scope: Scope): Move[] {
  const moves: Move[] = [];
  const n = w.processes.length;
  for (let from = 0; from < n; from++)
    for (let to = 0; to < n; to++) {
      const wire = wireOf(w, from, to);
      if (wire.length === 0) continue;
      moves.push({ kind: 'deliver', from, to });
      if (wire[0]?.kind === 'message' && wire.some((x) => x.kind === 'down'))
        moves.push({ kind: 'lose', from, to });
    }
  for (let at = 0; at < n; at++) movesAt(w, scope, at, moves);
  if (w.left.breaks > 0)
    for (let from = 0; from < n; from++)
      for (let to = from + 1; to < n; to++)
        if (w.connections[from * n + to] !== 0) moves.push({ kind: 'break', from, to });
  return moves;
}

function movesAt(w: World, scope: Scope, at: number, moves: Move[]): void {
  const p = w.processes[at] as Process;
  const add = (kind: Exclude<Move['kind'], 'deliver' | 'lose' | 'break'>): void => {
    moves.push({ kind, at });
  };
  const member = w.chain.members.find((m) => m.node === p.name);
  if (member !== undefined && w.left.changes > 0) {
    if (w.chain.members.length > 1) add('leaveOut');
    if (p.up && member.incarnation !== p.incarnation && p.replica.lost === '') add('takeIn');
  }
  if (!p.up) {
    add('restart');
    return;
  }
  if (p.batch !== null) add('persist');
  if (w.left.crashes > 0) {
    add('crash');
    if (p.batch !== null) add('crashWritten');
  }
  if (lacksVersion(w, p, scope) && mayHave(w, p)) add('assign');
  if (p.oldLease > 0 && scope.leases) add('expire');
  if (w.left.writes > 0 && isHead(p.replica) && p.replica.installing === null) add('write');
  if (w.left.reads > 0 && p.replica.installing === null && canRead(p.replica)) add('read');
  if (mustRetry(w, at)) add('retry');
}

function lacksVersion(w: World, p: Process, scope: Scope): boolean {
  const { assignment, installing, highest } = p.replica;
  const version = w.chain.assignment.version;
  if (highest < version) return true;
  return scope.staleOrders && highest === version && (installing ?? assignment)?.version !== version;
}

/** Members get a version when the leases of those it leaves out are over; the others may know at once (R6). */
function mayHave(w: World, p: Process): boolean {
  if (!w.chain.members.some((m) => m.incarnation === p.incarnation)) return true;
  return w.chain.excluded.every((i) => {
    const x = w.processes[i] as Process;
    return (
      x.oldLease === 0 ||
      !x.up ||
      (x.replica.role === 'none' && x.replica.highest >= w.chain.assignment.version)
    );
  });
}

/** An offer that was lost or came too early is repeated; only once it can be answered, so that there is an end to it. */
function mustRetry(w: World, at: number): boolean {
  const r = (w.processes[at] as Process).replica;
  const peer = successor(r);
  if (peer === null || !r.shaken || r.installing !== null || r.down?.state === 'open') return false;
  const to = w.processes.findIndex((p) => p.name === peer.node);
  const x = w.processes[to] as Process;
  if (!x.up || x.incarnation !== peer.incarnation || w.processes[at]?.links[to] === 0) return false;
  if (x.replica.installing !== null || x.replica.assignment?.version !== r.assignment?.version) return false;
  if (x.replica.role === 'none' || r.log.end.seq < r.offerFrom) return false;
  return wireOf(w, at, to).length === 0 && wireOf(w, to, at).length === 0;
}

/** The only process that a move changes; -1: none. */
export function changedBy(move: Move): number {
  if ('at' in move) return move.at;
  return move.kind === 'break' ? -1 : move.to;
}

/** Carries a move out. Returns what clients heard. */
export function make(w: World, scope: Scope, move: Move): { readonly tag: number; readonly reply: Reply }[] {
  switch (move.kind) {
    case 'deliver':
      return deliver(w, scope, move.from, move.to);
    case 'lose': {
      const wire = wireOf(w, move.from, move.to);
      while (wire[0]?.kind === 'message') wire.shift();
      return deliver(w, scope, move.from, move.to);
    }
    case 'break':
      w.left.breaks--;
      w.connectionCount++;
      w.connections[pairOf(w, move.from, move.to)] = w.connectionCount;
      for (const [a, b] of [
        [move.from, move.to],
        [move.to, move.from],
      ] as const)
        wireOf(w, a, b).push(
          Object.freeze({ kind: 'down' }),
          Object.freeze({ kind: 'up', connection: w.connectionCount }),
        );
      return [];
    case 'crash':
    case 'crashWritten':
      crash(w, move.at, move.kind === 'crashWritten');
      return [];
    case 'restart':
      restart(w, move.at);
      return [];
    case 'leaveOut':
    case 'takeIn':
      change(w, scope, move.at, move.kind);
      return [];
    case 'expire':
      (w.processes[move.at] as Process).oldLease = 0;
      return [];
    case 'persist':
    case 'assign':
    case 'write':
    case 'read':
    case 'retry':
      return act(w, scope, move.at, move.kind);
  }
}

type Act = 'persist' | 'assign' | 'write' | 'read' | 'retry';

function act(w: World, scope: Scope, at: number, kind: Act): { tag: number; reply: Reply }[] {
  return turn(w, scope, at, (r, ctx) => {
    const p = w.processes[at] as Process;
    if (kind === 'persist') {
      writeDisk(p.disk, p.batch ?? []);
      p.batch = null;
      persisted(r, ctx);
    } else if (kind === 'assign') assign(r, ctx, w.chain.assignment);
    else if (kind === 'write') {
      const request = scope.writes - w.left.writes + 1;
      w.left.writes--;
      write(r, ctx, request, putOf(request), never);
    } else if (kind === 'read') {
      const tag = 100 + w.left.reads;
      w.left.reads--;
      w.ledger.reads.set(tag, w.ledger.floor);
      read(r, ctx, tag, strongRead, never);
    } else if (kind === 'retry') {
      ctx.mono = 1e9;
      retryHandshakes(r, ctx);
      if (r.down !== null) r.down.since = 0;
    }
  });
}

/** One turn of a process, as its driver makes it: the event, then what leaves, then the next batch. */
function turn(
  w: World,
  scope: Scope,
  at: number,
  event: (r: Replica, ctx: SmallContext) => void,
): { tag: number; reply: Reply }[] {
  const p = w.processes[at] as Process;
  const ctx = new SmallContext(w, at, scope.leases);
  event(p.replica, ctx);
  ctx.answerFetches();
  flow(p.replica, ctx);
  ctx.answerFetches();
  if (p.batch === null) {
    const items: PersistItem[] = [];
    collect(p.replica, ctx, items);
    if (items.length > 0) p.batch = Object.freeze(items);
  }
  return ctx.replies;
}

function deliver(w: World, scope: Scope, from: number, to: number): { tag: number; reply: Reply }[] {
  const item = wireOf(w, from, to).shift();
  const p = w.processes[to] as Process;
  const peer = (w.processes[from] as Process).name;
  if (item === undefined || !p.up) return [];
  return turn(w, scope, to, (r, ctx) => {
    if (item.kind === 'message') return onMessage(r, ctx, peer, item.incarnation, item.message);
    p.links[from] = item.kind === 'up' ? item.connection : 0;
    if (item.kind === 'down') {
      if (r.down?.peer.node === peer) r.down = null;
    } else if (r.installing === null) onLinkUp(r, ctx, peer);
  });
}

/** Power off: what was not on disk is lost. What it sent may still arrive, any part of it, until its peers notice. */
function crash(w: World, at: number, written: boolean): void {
  const p = w.processes[at] as Process;
  w.left.crashes--;
  if (written && p.batch !== null) writeDisk(p.disk, p.batch);
  p.batch = null;
  p.up = false;
  p.oldLease = 0;
  p.installs = 0;
  for (let other = 0; other < w.processes.length; other++) {
    if (other === at) continue;
    p.links[other] = 0;
    w.connections[pairOf(w, at, other)] = 0;
    wireOf(w, other, at).length = 0;
    if (w.processes[other]?.up === true) wireOf(w, at, other).push(Object.freeze({ kind: 'down' }));
  }
}

function restart(w: World, at: number): void {
  const p = w.processes[at] as Process;
  w.incarnations++;
  p.incarnation = incarnation(epoch(1), w.incarnations);
  p.up = true;
  p.replica = bootReplica(
    { slot: theSlot, ...p.disk, log: [...p.disk.log], sessions: [...p.disk.sessions.values()] },
    roomOf(defaultTimings, limits),
  );
  for (let other = 0; other < w.processes.length; other++) {
    if (other === at || w.processes[other]?.up !== true) continue;
    w.connectionCount++;
    w.connections[pairOf(w, at, other)] = w.connectionCount;
    const up = Object.freeze({ kind: 'up', connection: w.connectionCount } as const);
    wireOf(w, at, other).push(up);
    wireOf(w, other, at).push(up);
  }
}

/** The coordinator saves a new version. From this moment on whoever it leaves out gets no new lease. */
function change(w: World, scope: Scope, at: number, kind: 'leaveOut' | 'takeIn'): void {
  const p = w.processes[at] as Process;
  const version = w.chain.assignment.version + 1;
  const ctx = new SmallContext(w, at, scope.leases);
  const named = w.chain.members.find((m) => m.node === p.name);
  const isOld = named?.incarnation === p.incarnation && p.up;
  if (kind === 'leaveOut' && isOld && ctx.leaseCovers(p.replica)) p.oldLease = p.replica.installed;
  const members: SavedMember[] =
    kind === 'leaveOut'
      ? w.chain.members.filter((m) => m.node !== p.name)
      : w.chain.members.map((m) =>
          m.node === p.name ? { ...m, incarnation: p.incarnation, since: version } : m,
        );
  w.left.changes--;
  w.chain = {
    assignment: assignmentOf(version, members),
    members,
    excluded: kind === 'leaveOut' ? [...w.chain.excluded, at] : w.chain.excluded,
  };
}

const noVersion = chainVersion(0);

/** Every write is a put of the same key by a client of its own, so that the revision read tells what was read. */
const putOf = (request: number): WriteRequest => ({
  op: 'put',
  key: key('k'),
  version: noVersion,
  passOn: false,
  deadlineMs: 1000,
  value: new Uint8Array([request]),
  delta: 0n,
  conditions: [],
  client: clientId(request),
  number: requestNumber(1),
  floor: requestNumber(1),
  slotTime: 1_700_000_000_000,
  retry: false,
});

const strongRead: ReadRequest = {
  op: 'get',
  key: key('k'),
  version: noVersion,
  passOn: false,
  deadlineMs: 1000,
  level: 'strong',
  boundMs: 0,
  token: null,
};
