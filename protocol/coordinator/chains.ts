/**
 * The next version of one chain (section 4), as a pure look at what is known: first those who are gone, then what the
 * present version still waits for, then joins and orderly leavings. Changes of one slot are serial: a version is
 * followed by another when its members installed it, or by one that leaves the silent ones out (P17).
 */
import type { ReplicaReport } from '../messages.ts';
import type { Change } from '../planner/planner.ts';
import { type ChainVersion, comparePositions } from '../words.ts';
import { linkBroken } from './broken-links.ts';
import { keepApart } from './damping.ts';
import { handOut, issue } from './issue.ts';
import { guarded, isDown, statusOf } from './liveness.ts';
import { changeChain } from './saving.ts';
import { type CoordinatorState, nodeOf, notice, type SavedChain, type SavedMember } from './state.ts';

/** Why a member can't go on; '' = it can. */
function gone(s: CoordinatorState, c: SavedChain, m: SavedMember): string {
  const n = nodeOf(s.work, m.node);
  if (n === undefined) return `${m.node} is not known any more`;
  if (n.store !== m.store) return `${m.node} came back with another store`;
  if (n.incarnation !== m.incarnation) return `${m.node} was started anew`;
  const status = statusOf(s, n);
  if (status === 'dead') return `${m.node} is dead`;
  if (status === 'failed') return `the store of ${m.node} failed`;
  if (status === 'left') return `${m.node} stopped`;
  const report = s.heard.get(m.node)?.reports.get(c.slot);
  if (isLost(report)) return `${m.node} lost part of its log: ${report?.why}`;
  // Heard, but it does not install: silent for this slot (R26).
  const published = s.publishedAt.get(c.slot);
  if (
    published?.version === c.version &&
    s.now.mono - published.at > s.desired.timings.deadMs &&
    !installed(s, c, m)
  )
    return `${m.node} does not install version ${c.version}`;
  return '';
}

export const isLost = (report: ReplicaReport | undefined): boolean =>
  report?.state === 'lost' || report?.state === 'unproven';

function installed(s: CoordinatorState, c: SavedChain, m: SavedMember): boolean {
  const h = s.heard.get(m.node);
  const report = h?.incarnation === m.incarnation ? h.reports.get(c.slot) : undefined;
  return (
    report !== undefined &&
    report.version === c.version &&
    (report.state === 'member' || report.state === 'serving')
  );
}

export function serves(s: CoordinatorState, c: SavedChain, m: SavedMember): boolean {
  // What it reports says no most quickly.
  const h = s.heard.get(m.node);
  const report = h?.reports.get(c.slot);
  if (h?.incarnation !== m.incarnation || report?.state !== 'serving' || report.version !== c.version)
    return false;
  const n = nodeOf(s.work, m.node);
  return n?.incarnation === m.incarnation && !isDown(statusOf(s, n));
}

/** Every member serves the present version: it may change by plan. */
export const stable = (s: CoordinatorState, c: SavedChain): boolean =>
  c.handedOut && c.members.length > 0 && c.members.every((m) => serves(s, c, m));

/** Decides what must happen to a chain whatever is planned. True when it changed. */
export function tendChain(s: CoordinatorState, c: SavedChain): boolean {
  const grown = noteWhole(s, c);
  const now = grown ?? c;
  return (
    replaceRestarted(s, now) ||
    restartFromLog(s, now) ||
    leaveOutGone(s, now) ||
    tendJoiner(s, now) ||
    handOut(s, now) ||
    admitJoiner(s, now) ||
    letLeave(s, now) ||
    grown !== null
  );
}

/** A member that answers as what it is holds everything (R7): from now on it may carry the chain. */
function noteWhole(s: CoordinatorState, c: SavedChain): SavedChain | null {
  if (!c.members.some((m) => !m.whole && serves(s, c, m))) return null;
  const chain = {
    ...c,
    members: c.members.map((m) => (m.whole || !serves(s, c, m) ? m : { ...m, whole: true })),
  };
  changeChain(s, chain);
  return chain;
}

/** A member's process was started anew on the same store: its new incarnation takes its place (R3, R23). */
function replaceRestarted(s: CoordinatorState, c: SavedChain): boolean {
  const replaced: SavedMember[] = [];
  const version = (c.version + 1) as ChainVersion;
  const members = c.members.map((m) => {
    const n = nodeOf(s.work, m.node);
    if (n === undefined || n.incarnation === m.incarnation || n.store !== m.store) return m;
    const h = s.heard.get(m.node);
    if (h?.incarnation !== n.incarnation || h.leaving || h.gone || isLost(h.reports.get(c.slot))) return m;
    replaced.push(m);
    return { ...m, incarnation: n.incarnation, address: n.place.address, since: version };
  });
  if (replaced.length === 0) return false;
  const reason = `${replaced.map((m) => m.node).join(', ')} was started anew`;
  return issue(s, c, members, replaced, reason);
}

/**
 * Under durability `os` a power cut hit every member that surely had everything: nobody knows which acknowledged writes of
 * the last moments are left. When the manifest says so, the longest of their logs carries the chain on alone; else an
 * operator says who does (2.7, 4.10). One whose log or values have a hole makes it wait.
 */
function restartFromLog(s: CoordinatorState, c: SavedChain): boolean {
  if (s.desired.osRestart !== 'longestLog') return false;
  const whole = c.members.filter((m) => m.whole);
  const logs = whole.flatMap((m) => {
    const n = nodeOf(s.work, m.node);
    const h = s.heard.get(m.node);
    const report = h?.reports.get(c.slot);
    if (n?.store !== m.store || h?.incarnation !== n.incarnation || h.leaving || h.gone) return [];
    // A member under its present incarnation was told to carry the chain, and has not installed that yet.
    if (n.incarnation === m.incarnation) return [];
    return report?.state === 'unproven' ? [{ m, n, end: report.end }] : [];
  });
  const longest = logs.toSorted((x, y) => comparePositions(y.end, x.end))[0];
  if (longest === undefined || logs.length < whole.length) return false;
  const { m, n, end } = longest;
  const version = (c.version + 1) as ChainVersion;
  const member = { ...m, incarnation: n.incarnation, address: n.place.address, since: version };
  notice(s, 'error', 'chain.restarted', {
    slot: c.slot,
    version,
    node: m.node,
    end: `${end.version}:${end.seq}`,
    why: `all members lost power under durability os; ${m.node} has the longest log and carries the chain on. Acknowledged writes of the last moments may be lost`,
  });
  const reason = `all members lost power: ${m.node} goes on with the longest log, to ${end.version}:${end.seq}; writes may be lost`;
  return issue(s, c, [member], c.members, reason);
}

function leaveOutGone(s: CoordinatorState, c: SavedChain): boolean {
  const out = c.members.map((m) => ({ m, why: gone(s, c, m) })).filter((x) => x.why !== '');
  if (out.length === 0) return false;
  const rest = c.members.filter((m) => !out.some((x) => x.m === m));
  // The last one that surely has everything is never removed; the chain waits for it (4.8, 4.1).
  if (!rest.some((m) => (m.whole && outlived(s, m, out)) || outlasts(s, c, m, rest))) return false;
  if (out.some((x) => x.why.endsWith('is dead')) && guarded(s)) {
    s.waitingFor = 'more than half of the nodes vanished at once: waiting before anybody is left out';
    return false;
  }
  return issue(
    s,
    c,
    rest,
    out.map((x) => x.m),
    out.map((x) => x.why).join('; '),
  );
}

/**
 * A power cut of all machines looks like that of one, until another is heard. Somebody is left out only in favour of a member
 * that is heard, and heard since the other was started anew; or the last one to come back would carry the chain alone,
 * whatever its disk lost (2.7).
 */
function outlived(s: CoordinatorState, m: SavedMember, out: readonly { m: SavedMember }[]): boolean {
  const own = s.heard.get(m.node);
  if (own?.incarnation !== m.incarnation || s.now.mono - own.at > s.desired.timings.suspectMs) return false;
  return out.every((x) => {
    const other = s.heard.get(x.m.node);
    return other === undefined || other.incarnation === x.m.incarnation || own.at > other.since;
  });
}

/**
 * A member that was taken in and has not answered yet holds all that was committed (R10), only nobody could be sure that
 * it does so still. Where everybody who surely had everything says that he lost the end of his log, and this one holds
 * more than each of them, nobody else is left to carry the chain (R50).
 */
function outlasts(s: CoordinatorState, c: SavedChain, m: SavedMember, rest: readonly SavedMember[]): boolean {
  const own = s.heard.get(m.node)?.reports.get(c.slot);
  if (own === undefined || !installed(s, c, m)) return false;
  return c.members.every((x) => {
    if (!x.whole || rest.includes(x)) return !x.whole;
    const n = nodeOf(s.work, x.node);
    const report = s.heard.get(x.node)?.reports.get(c.slot);
    return n?.store === x.store && report?.state === 'lost' && comparePositions(own.end, report.end) > 0;
  });
}

/** A joiner that is gone, or whose process is another one now. No new version: it counts for nothing yet. */
function tendJoiner(s: CoordinatorState, c: SavedChain): boolean {
  const j = c.joiner;
  if (j === null) return false;
  const n = nodeOf(s.work, j.node);
  const status = n === undefined ? 'dead' : statusOf(s, n);
  const h = s.heard.get(j.node);
  const leaving = h?.leaving === true || n?.drain === true || s.desired.drain.includes(j.node);
  const full = h?.space === 'full';
  const tail = c.members.at(-1)?.node;
  const cutOff = tail !== undefined && linkBroken(s, tail, j.node);
  if (cutOff) keepApart(s, tail, j.node);
  if (
    n === undefined ||
    n.store !== j.store ||
    status === 'dead' ||
    status === 'failed' ||
    status === 'left' ||
    leaving ||
    full ||
    cutOff
  ) {
    changeChain(s, {
      ...c,
      joiner: null,
      reason: `${j.node} does not join any more: ${leaving ? 'it leaves' : full ? 'its disk is full' : cutOff ? `it and ${tail} can't reach each other` : status}`,
    });
    return true;
  }
  if (n.incarnation === j.incarnation) return false;
  changeChain(s, {
    ...c,
    joiner: { ...j, incarnation: n.incarnation, address: n.place.address },
    reason: `the joiner ${j.node} was started anew`,
  });
  return true;
}

/** The tail of the present version holds back commits for the joiner: it becomes the tail (section 5, R10). */
function admitJoiner(s: CoordinatorState, c: SavedChain): boolean {
  const j = c.joiner;
  const tail = c.members[c.members.length - 1];
  if (j === null || tail === undefined || !stable(s, c)) return false;
  const report = s.heard.get(tail.node)?.reports.get(c.slot);
  if (report?.version !== c.version || report.insync !== j.incarnation) return false;
  const version = (c.version + 1) as ChainVersion;
  const member: SavedMember = { ...j, since: version, whole: false };
  return issue(s, c, [...c.members, member], [], `${j.node} has everything: it becomes the tail`, null);
}

/**
 * A node that was told to stop, or whose disk is full, leaves each chain that has another whole member, one version at
 * a time. Where nobody else is left it stays (4.8), and takes no writes while its disk is full (2.12).
 */
function letLeave(s: CoordinatorState, c: SavedChain): boolean {
  if (!stable(s, c)) return false;
  const asks = (m: SavedMember): boolean => s.heard.get(m.node)?.leaving === true;
  const isFull = (m: SavedMember): boolean => s.heard.get(m.node)?.space === 'full';
  const leaving = c.members.filter((m) => asks(m) || isFull(m));
  const rest = c.members.filter((m) => !leaving.includes(m));
  if (leaving.length === 0 || !rest.some((m) => m.whole)) return false;
  const why = leaving.map((m) => (asks(m) ? `${m.node} asked to leave` : `the disk of ${m.node} is full`));
  return issue(s, c, rest, leaving, why.join('; '));
}

/** Carries out one change of the plan. */
export function applyChange(s: CoordinatorState, change: Change): void {
  const c = s.work?.chains[change.slot];
  if (c === undefined || !stable(s, c)) return;
  switch (change.kind) {
    case 'join': {
      const n = nodeOf(s.work, change.node);
      if (n === undefined) return;
      const joiner = { node: n.node, store: n.store, incarnation: n.incarnation, address: n.place.address };
      changeChain(s, { ...c, joiner, reason: change.reason });
      notice(s, 'info', 'join.begun', { slot: c.slot, joiner: n.node, reason: change.reason });
      return;
    }
    case 'remove': {
      const out = c.members.filter((m) => m.node === change.node);
      const rest = c.members.filter((m) => m.node !== change.node);
      if (rest.some((m) => m.whole)) issue(s, c, rest, out, change.reason);
      return;
    }
    case 'reorder': {
      const members = change.members.map((node) => c.members.find((m) => m.node === node) as SavedMember);
      issue(s, c, members, [], change.reason);
      return;
    }
  }
}
