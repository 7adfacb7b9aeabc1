/** What must hold in every state (docs/protocol.md section 8), and what clients may be told. */
import { readEntry } from '../../protocol/entry.ts';
import { itemAt, versionAt } from '../../protocol/replica/log.ts';
import { canRead } from '../../protocol/replica/reading.ts';
import { isTail } from '../../protocol/replica/state.ts';
import type { Reply } from '../../protocol/requests.ts';
import type { Seq } from '../../protocol/words.ts';
import { SmallContext } from './context.ts';
import type { Process, Scope, World } from './world.ts';

/** Takes note of what the last move did. Returns the first rule that does not hold, '' when all do. */
export function judge(w: World, scope: Scope, heard: readonly { tag: number; reply: Reply }[]): string {
  for (const p of w.processes) {
    const broken = noteCommits(w, p);
    if (broken !== '') return broken;
  }
  for (const { tag, reply } of heard) {
    const broken = judgeReply(w, tag, reply);
    if (broken !== '') return broken;
  }
  return keepsCommitted(w) || judgeReads(w, scope);
}

/** I1, I3: one entry for each committed sequence, on disk at all members of the version that committed it. */
function noteCommits(w: World, p: Process): string {
  const r = p.replica;
  if (!p.up) return '';
  for (let seq = 1; seq <= r.commit; seq++) {
    const version = versionAt(r.log, seq as Seq);
    const known = w.ledger.committed[seq - 1];
    if (known !== undefined) {
      if (known.at.version !== version)
        return `I3: ${p.name} committed ${version}:${seq}, others ${known.at.version}:${seq}`;
      continue;
    }
    const item = itemAt(r.log, seq as Seq);
    if (item === undefined || r.assignment === null)
      return `I3: ${p.name} committed ${seq} without having it`;
    const lacking = r.assignment.members.find((m) => {
      const store = w.processes.find((x) => x.name === m.node)?.disk.log ?? [];
      return !store.some((e) => e.seq === seq && e.version === version);
    });
    if (lacking !== undefined)
      return `I1: ${p.name} committed ${version}:${seq}, which ${lacking.node} has not on disk`;
    const request = item.entry.client;
    if (w.ledger.committed.some((c) => c.request === request))
      return `I4: request ${request} took effect twice`;
    w.ledger.committed.push({ at: { version: item.entry.version, seq: item.entry.seq }, request });
  }
  return '';
}

/** No committed entry is ever dropped from the disk of a member of the saved chain. */
function keepsCommitted(w: World): string {
  for (const m of w.chain.members) {
    const p = w.processes.find((x) => x.name === m.node);
    for (const { at } of w.ledger.committed)
      if (!p?.disk.log.some((e) => e.seq === at.seq && e.version === at.version))
        return `I3: ${m.node}, a member, lost the committed ${at.version}:${at.seq}`;
  }
  return '';
}

/** I8: done is said for the own entry, and only when it is committed. I5: no read below what was shown before it began. */
function judgeReply(w: World, tag: number, reply: Reply): string {
  if (reply.kind === 'written') {
    const c = w.ledger.committed[reply.position.seq - 1];
    if (c === undefined || c.request !== tag || c.at.version !== reply.position.version)
      return `I8: request ${tag} heard that ${reply.position.version}:${reply.position.seq} is its own and done`;
    w.ledger.acknowledged = Math.max(w.ledger.acknowledged, reply.position.seq);
    w.ledger.floor = Math.max(w.ledger.floor, reply.position.seq);
  }
  const floor = w.ledger.reads.get(tag);
  if (floor === undefined) return '';
  w.ledger.reads.delete(tag);
  if (reply.kind !== 'read') return '';
  const shown = reply.entry === null ? 0 : (readEntry(reply.entry)?.seq ?? 0);
  if (shown < floor) return `I5: a read showed revision ${shown} after ${floor} was known`;
  if (w.ledger.committed[shown - 1] === undefined && shown > 0)
    return `I5: a read showed ${shown}, not committed`;
  w.ledger.floor = Math.max(w.ledger.floor, shown);
  return '';
}

/** Every strong read that could be answered now under leases is taken as made, so nobody may answer with less later. */
function judgeReads(w: World, scope: Scope): string {
  if (!scope.leases) return '';
  let highest = w.ledger.floor;
  let lowest = Number.POSITIVE_INFINITY;
  let where = '';
  for (const p of w.processes) {
    const shown = answerOf(w, p);
    if (shown === null) continue;
    if (shown < lowest) where = p.name;
    lowest = Math.min(lowest, shown);
    highest = Math.max(highest, shown);
  }
  if (lowest < highest) return `I5: ${where} would answer with revision ${lowest} after ${highest} was shown`;
  w.ledger.floor = highest;
  return '';
}

/** Revision that a strong read at `p` would show; null when it would not be answered now. */
function answerOf(w: World, p: Process): number | null {
  const r = p.replica;
  if (!answers(w, p)) return null;
  if (r.log.end.seq === r.commit || isTail(r)) return r.commit;
  // A dirty key: by the mark of the tail, when that one answers.
  const tail = r.assignment?.members.at(-1);
  const t = w.processes.find((x) => x.incarnation === tail?.incarnation);
  if (t === undefined || !answers(w, t) || t.replica.assignment?.version !== r.assignment?.version)
    return null;
  return Math.max(r.commit, Math.min(t.replica.commit, r.log.end.seq));
}

const answers = (w: World, p: Process): boolean =>
  p.up &&
  p.replica.installing === null &&
  canRead(p.replica) &&
  new SmallContext(w, w.processes.indexOf(p), true).leaseCovers(p.replica);

/** Nothing more can happen: then nothing may be left undone where all members are alive. */
export function judgeEnd(w: World): string {
  const { members, assignment } = w.chain;
  const living = members.map((m) => w.processes.find((p) => p.up && p.incarnation === m.incarnation));
  if (living.some((p) => p === undefined)) return '';
  for (const p of living) {
    const r = p?.replica;
    if (r === undefined) continue;
    if (r.assignment?.version !== assignment.version)
      return `I6: ${p?.name} never installed version ${assignment.version}`;
    if (r.commit < r.log.end.seq) return `I6: ${p?.name} is left with pending entries above ${r.commit}`;
    if (r.log.end.seq !== living[0]?.replica.log.end.seq)
      return `I6: ${p?.name} and ${living[0]?.name} end apart`;
    if (!canRead(r)) return `I6: ${p?.name} never serves again`;
  }
  return '';
}
