/**
 * Two members hold different things under one key at one commit mark (10.8): all members are asked, and this replica's
 * own record is put right when it is provably wrong. A key that is written meanwhile needs no answer: the write goes to all.
 *
 * Of two records the newer one is right, for records are written when they are committed only. A key that some hold and
 * others do not is as most members say, for a delete leaves nothing behind that could tell its revision.
 */
import { type Entry, readEntry, storesValue } from '../entry.ts';
import type { RecordAnswer, RecordSuspect } from '../messages.ts';
import type { ChainVersion, Incarnation, Key, NodeName } from '../words.ts';
import type { Poll } from './damage.ts';
import { mayList } from './listing.ts';
import { pinEffects, unpin } from './pins.ts';
import { damagedRecord, repairWith } from './repair.ts';
import { type Context, type Fetch, type Replica, sender } from './state.ts';

const askBeacons = 4;
const triesMax = 50;
/** Keys that are remembered as undecided. */
const undecidedMax = 1000;

/** Asks all members for the key. False when there is no room for one more, or this replica may not ask now. */
export function suspect(r: Replica, ctx: Context, key: Key): boolean {
  const { polls, repairs } = r.damage;
  if (polls.has(key) || repairs.has(key)) return true;
  if (!mayList(r) || polls.size >= ctx.limits.repairs) return false;
  r.rounds++;
  const poll: Poll = {
    key,
    atLeast: r.commit,
    pin: pinEffects(r),
    own: undefined,
    answers: new Map(),
    round: r.rounds,
    askedAt: ctx.mono,
    tries: 0,
  };
  polls.set(key, poll);
  ctx.fetch(key, { kind: 'own', slot: r.slot, key, round: poll.round });
  ask(r, ctx, poll);
  return true;
}

export function onRecordSuspect(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: RecordSuspect,
): void {
  if (sender(r, from, incarnation) !== null) suspect(r, ctx, m.key);
}

function ask(r: Replica, ctx: Context, poll: Poll): void {
  poll.askedAt = ctx.mono;
  poll.tries++;
  const { key, atLeast, round } = poll;
  const version = r.assignment?.version as ChainVersion;
  for (const { node } of others(r))
    if (!poll.answers.has(node))
      ctx.send(node, { kind: 'recordRequest', slot: r.slot, version, round, key, atLeast });
}

const others = (r: Replica) => (r.assignment?.members ?? []).filter((_, i) => i !== r.index);

/** True when the answer belongs to a poll. */
export function onPollAnswer(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: RecordAnswer,
): boolean {
  const poll = r.damage.polls.get(m.key);
  if (poll === undefined || poll.round !== m.round) return false;
  if (sender(r, from, incarnation) === null || m.state === 'behind') return true;
  const entry = m.state === 'value' && m.entry !== null ? readEntry(m.entry) : null;
  const fits = entry !== null && entry.slot === r.slot && entry.key === m.key && storesValue(entry);
  poll.answers.set(from, m.state === 'absent' ? null : fits ? entry : 'damaged');
  decide(r, ctx, poll);
  return true;
}

export function onOwnFetched(
  r: Replica,
  ctx: Context,
  f: Fetch & { kind: 'own' },
  stored: Uint8Array | null | 'corrupt',
): void {
  const poll = r.damage.polls.get(f.key);
  if (poll === undefined || poll.round !== f.round) return;
  if (stored === 'corrupt') {
    close(r, poll);
    damagedRecord(r, ctx, f.key, null);
    return;
  }
  poll.own = stored;
  decide(r, ctx, poll);
}

/** Called with every beacon. */
export function tickPolls(r: Replica, ctx: Context): void {
  for (const poll of r.damage.polls.values()) {
    if (overtaken(r, poll)) close(r, poll);
    else if (ctx.mono - poll.askedAt >= askBeacons * ctx.timings.beaconMs) {
      if (poll.tries < triesMax) ask(r, ctx, poll);
      else noticeUndecided(r, ctx, poll, 'scrub.undecided', 'not every member of the chain answered');
    }
  }
}

/** The key was written since, or may have been: what members answered is of different times, and over. */
const overtaken = (r: Replica, poll: Poll): boolean =>
  poll.pin.broken || (r.log.newest.get(poll.key)?.entry.seq ?? 0) > poll.pin.above;

function close(r: Replica, poll: Poll): void {
  r.damage.polls.delete(poll.key);
  unpin(r, poll.pin);
}

function decide(r: Replica, ctx: Context, poll: Poll): void {
  const asked = others(r);
  if (poll.own === undefined || asked.some(({ node }) => !poll.answers.has(node))) return;
  if (overtaken(r, poll)) return close(r, poll);
  const own = poll.own === null ? null : readEntry(poll.own);
  const states = [own, ...asked.map(({ node }) => poll.answers.get(node) ?? null)];
  const verdict = verdictOf(states);
  if (verdict === 'conflict')
    return noticeUndecided(
      r,
      ctx,
      poll,
      'scrub.conflict',
      'two records of one revision differ, and both verify',
    );
  if (verdict === 'undecided')
    return noticeUndecided(r, ctx, poll, 'scrub.undecided', 'some members hold the key, as many do not');
  r.damage.undecided.delete(poll.key);
  if (same(own, verdict)) return close(r, poll);
  ctx.notice('error', 'scrub.outvoted', {
    slot: r.slot,
    version: r.assignment?.version,
    key: poll.key,
    here: own === null ? null : { version: own.version, seq: own.seq },
    right: verdict === null ? null : { version: verdict.version, seq: verdict.seq },
  });
  r.damage.polls.delete(poll.key);
  // The pin goes with the repair.
  const { key, atLeast, pin } = poll;
  repairWith(r, ctx, { key, atLeast, pin }, verdict);
}

const same = (a: Entry | null, b: Entry | null): boolean =>
  a === null || b === null ? a === b : Buffer.compare(a.bytes, b.bytes) === 0;

type Verdict = Entry | null | 'conflict' | 'undecided';

/** What the key's value is, by what all members hold. Damaged records say nothing. */
export function verdictOf(states: readonly (Entry | null | 'damaged')[]): Verdict {
  const records = states.filter((s) => s !== null && s !== 'damaged');
  const absent = states.filter((s) => s === null).length;
  for (const a of records) for (const b of records) if (a.seq === b.seq && !same(a, b)) return 'conflict';
  const newest = records.reduce<Entry | null>((x, e) => (x === null || e.seq > x.seq ? e : x), null);
  if (absent === 0 || newest === null) return newest;
  const votes = records.filter((e) => same(e, newest)).length;
  if (votes * 2 > states.length) return newest;
  return absent * 2 > states.length ? null : 'undecided';
}

function noticeUndecided(
  r: Replica,
  ctx: Context,
  poll: Poll,
  name: 'scrub.conflict' | 'scrub.undecided',
  why: string,
): void {
  close(r, poll);
  if (r.damage.undecided.size < undecidedMax) r.damage.undecided.add(poll.key);
  const next = 'write or delete the key anew, or rebuild the member that is wrong';
  ctx.notice('error', name, {
    slot: r.slot,
    version: r.assignment?.version,
    key: poll.key,
    why: `${why}; ${next}`,
  });
}
