/**
 * Installing a chain version (rules 4.1 to 4.4): stop acting under the old one, put the new one on disk, act under it,
 * say so. A process acts only under an assignment that names its own incarnation (R3).
 */
import {
  type Assignment,
  type ChainVersion,
  type Member,
  type NodeName,
  noIncarnation,
  origin,
  type Seq,
} from '../words.ts';
import { advance } from './chain.ts';
import { emptyReplica, offer, sayReady } from './handshake.ts';
import { failRounds } from './reading.ts';
import { abandonRepairs } from './repair.ts';
import { type Context, isHead, isTail, type Replica, successor } from './state.ts';
import { abandonAll, rebuildRequests } from './waiters.ts';

/** An assignment from the leading coordinator; older versions than the highest known are refused. */
export function assign(r: Replica, ctx: Context, a: Assignment): void {
  const why = contradiction(r, a);
  if (why !== '') return refuseOrder(r, ctx, a, why);
  if (a.version < r.highest) return;
  if (a.version === r.highest && r.installing !== null) {
    if (r.installing.version === a.version) r.installing = a;
    return;
  }
  if (a.version === r.highest && r.assignment?.version === a.version) return amend(r, ctx, a);
  r.highest = a.version;
  r.refused = 0 as ChainVersion;
  r.installing = a;
  stopActing(r, ctx);
  ctx.touch(r);
}

/** What this replica knows that an order of its coordinator cannot be true beside; '' = nothing (R44). */
function contradiction(r: Replica, a: Assignment): string {
  if (a.version < r.highest)
    return a.drop ? `it relies on version ${a.version}, and version ${r.highest} is known here` : '';
  const same = r.installing ?? r.known;
  if (a.version > r.highest || same?.version !== a.version || sameMembers(same, a)) return '';
  return `version ${a.version} has other members here: ${same.members.map((m) => m.node).join(', ')}`;
}

/** One version has one list of members: another one is of a coordinator whose state is not this replica's (R43). */
const sameMembers = (x: Assignment, y: Assignment): boolean =>
  x.members.length === y.members.length &&
  x.members.every((m, i) => m.node === y.members[i]?.node && m.incarnation === y.members[i]?.incarnation);

/** Nothing is erased or begun on the word of a coordinator that knows less; it is told so. */
function refuseOrder(r: Replica, ctx: Context, a: Assignment, why: string): void {
  if (r.refused === a.version) return;
  r.refused = a.version;
  ctx.notice('error', 'order.refused', { slot: r.slot, version: a.version, drop: a.drop, why });
  ctx.report(r);
}

/** The joiner and addresses of a version may change without a new version. */
function amend(r: Replica, ctx: Context, a: Assignment): void {
  const before = r.assignment;
  r.assignment = a;
  if (a.drop && r.role === 'none') return leave(r, ctx);
  if (r.role === 'joiner' && a.joiner?.incarnation !== ctx.incarnation) {
    r.role = 'none';
    r.up = null;
    r.shaken = false;
    ctx.report(r);
    return;
  }
  if (r.role === 'none' && a.joiner?.node === ctx.name && a.joiner.incarnation === ctx.incarnation)
    return activate(r, ctx, a);
  if (isTail(r) && before?.joiner?.incarnation !== a.joiner?.incarnation) {
    // Only the coordinator ends in-sync: by naming another joiner or none, or by a new version (R10).
    r.insync = noIncarnation;
    r.joinerDisk = 0 as Seq;
    r.joinerCopied = false;
    ctx.report(r);
    offer(r, ctx);
    advance(r, ctx);
  }
}

/** The process has a new incarnation: whatever it was a member of, it is no more. */
export function retire(r: Replica, ctx: Context): void {
  stopActing(r, ctx);
  r.index = -1;
  r.readable = false;
  r.answering = false;
  r.copy = null;
  abandonAll(r, ctx);
  r.requests.clear();
  r.installing = null;
  ctx.report(r);
}

/** From the moment that a newer version is known nothing is done under the older one. */
function stopActing(r: Replica, ctx: Context): void {
  const wasTail = isTail(r);
  const carried = r.readable;
  const tailAnswering = wasTail && r.answering;
  r.role = 'none';
  r.down = null;
  r.up = null;
  r.shaken = false;
  r.readable = carried;
  r.answering = tailAnswering;
  failRounds(r, ctx, 'the chain is changing; ask again');
  abandonRepairs(r, ctx);
}

/** The version is on disk: act under it. */
export function activate(r: Replica, ctx: Context, a: Assignment): void {
  const carriedRead = r.readable;
  const carriedTail = r.answering;
  r.assignment = a;
  r.known = a;
  r.ahead = namesBefore(a, ctx.name);
  r.installing = null;
  r.installed = ctx.nextInstall();
  r.down = null;
  r.up = null;
  r.shaken = false;
  r.readies = 0;
  // The predecessor's mark is forgotten with its version (R5); so is what the old tail said.
  r.before = null;
  r.learned = 0 as Seq;
  r.headTold = 0 as Seq;
  r.insync = noIncarnation;
  r.joinerDisk = 0 as Seq;
  r.joinerCopied = false;
  r.tailAskedAt = Number.NEGATIVE_INFINITY;
  r.tailMark = 0 as Seq;
  const own = (m: Member): boolean => m.node === ctx.name && m.incarnation === ctx.incarnation;
  r.index = a.members.findIndex(own);
  const joins = a.joiner !== null && own(a.joiner);
  // What was lost is made good by joining anew; as a member it must not act (R15).
  if (joins) {
    r.lost = r.tooOld;
    r.unproven = false;
    if (r.broken) {
      emptyReplica(r, ctx, origin);
      r.copy = null;
    }
  }
  // Named alone although it said so: an operator's word, at once or in the manifest, who knows what that costs (4.10, 2.7).
  if (r.index === 0 && a.members.length === 1 && !r.broken && r.tooOld === '') {
    r.lost = '';
    r.unproven = false;
  }
  // A member was whole once: a disk that says otherwise is an older one (R15).
  else if (r.index >= 0 && !r.complete) r.lost = 'its values are a copy that was never finished';
  r.role = r.lost !== '' ? 'none' : r.index >= 0 ? 'member' : joins ? 'joiner' : 'none';
  if (r.role !== 'member') r.index = -1;
  // Clean reads go on across a change for a replica that answered under the version before, as the same process.
  r.readable = r.role === 'member' && carriedRead && r.complete;
  r.answering = false;
  r.answerFrom = r.log.end.seq;
  r.offerFrom = 0 as Seq;
  if (!isHead(r)) abandonAll(r, ctx);
  if (isTail(r) && carriedTail && r.index > 0) {
    // The tail stayed the tail: what it answered stays true.
    r.answering = true;
  }
  if (isTail(r) && !r.answering) r.readable = false;
  if (isHead(r)) {
    r.shaken = true;
    // What those before it promised to an earlier process concerns nobody any more.
    r.promisers ??= [];
    rebuildRequests(r);
  } else r.requests.clear();
  if (r.role === 'none') r.copy = null;
  if (a.drop && r.role === 'none') leave(r, ctx);
  ctx.notice('info', 'chain.installed', {
    slot: r.slot,
    version: a.version,
    members: a.members.map((m) => m.node),
    joiner: a.joiner?.node ?? null,
    role: r.role === 'member' ? r.index : r.role,
  });
  ctx.report(r);
  if (isHead(r)) offer(r, ctx);
  else sayReady(r, ctx);
  advance(r, ctx);
}

/** Who stands before this node in the chain; everybody when it is the joiner. */
function namesBefore(a: Assignment, name: NodeName): NodeName[] {
  const names = a.members.map((m) => m.node);
  const own = names.indexOf(name);
  return own < 0 ? names : names.slice(0, own);
}

/** The coordinator's explicit order to delete the slot, naming a version without this node (R19). */
function leave(r: Replica, ctx: Context): void {
  if (r.log.end.seq === 0 && r.log.start.seq === 0 && r.complete) return;
  emptyReplica(r, ctx, origin);
  r.complete = true;
  ctx.notice('info', 'slot.left', { slot: r.slot, version: r.assignment?.version });
  ctx.report(r);
}

/** Called after a link to a peer came up: both sides of the chain begin their handshakes again. */
export function onLinkUp(r: Replica, ctx: Context, peer: string): void {
  if (successor(r)?.node === peer && r.shaken) offer(r, ctx);
  if (r.up === null || r.up.peer.node === peer) sayReady(r, ctx);
}
