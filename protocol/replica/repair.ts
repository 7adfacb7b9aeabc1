/**
 * A record that does not verify is answered from another member and repaired from its copy (section 10). Members of a
 * chain hold the same values at the same commit mark, so one whose mark is at least what this replica had committed
 * when it noticed the damage knows the key's value; what this replica committed since stays in memory until the
 * repair is over, so that nothing newer is ever overwritten.
 */
import { type Entry, readEntry, storesValue } from '../entry.ts';
import { limits } from '../limits.ts';
import type { RecordAnswer, RecordRequest } from '../messages.ts';
import type { RepairedRecord } from '../persist.ts';
import { retryMs } from '../timings.ts';
import type { ChainVersion, Incarnation, Key, Member, NodeName, Position } from '../words.ts';
import type { Damage, Repair, Sufferer } from './damage.ts';
import { positionAt } from './log.ts';
import { pinEffects, unpin } from './pins.ts';
import { type Context, type Fetch, type Replica, sender } from './state.ts';

/** How long it is remembered that no member has a copy. */
const nowhereMs = 1000;
/** An unanswered question is put to the next member after so many beacons, later each time. */
const askBeacons = 4;

/** The value of a key whose stored record is damaged, once it is known; undefined: it is not damaged, or not known. */
export function repairedRecord(r: Replica, key: Key): Entry | null | undefined {
  const repair = r.damage.repairs.get(key);
  return repair?.state === 'found' && !repair.pin.broken ? repair.record : undefined;
}

/**
 * The stored record of `key` does not verify: find one that does. `sufferer` goes on when it is found, or nowhere.
 * False when there is no room for one more repair, and for a replica that may not ask.
 */
export function damagedRecord(r: Replica, ctx: Context, key: Key, sufferer: Sufferer | null): boolean {
  let repair = r.damage.repairs.get(key);
  if (repair === undefined) {
    if (r.role !== 'member' || r.damage.repairs.size >= ctx.limits.repairs) return false;
    repair = begin(r, ctx, { key, atLeast: r.commit, pin: pinEffects(r) });
    ctx.notice('error', 'record.damaged', { slot: r.slot, version: r.assignment?.version, key });
    if (!foundHere(r, ctx, repair)) ask(r, ctx, repair);
  }
  if (sufferer === null) return true;
  if (repair.state === 'asking') repair.waiting.push(sufferer);
  else free(r, ctx, sufferer, repair.state);
  return true;
}

function begin(r: Replica, ctx: Context, of: Pick<Repair, 'key' | 'atLeast' | 'pin'>): Repair {
  const repair: Repair = {
    ...of,
    state: 'asking',
    record: null,
    taken: false,
    asked: null,
    round: nextRound(r),
    since: ctx.mono,
    asks: 0,
    damaged: new Set(),
    again: false,
    tried: new Set(),
    waiting: [],
  };
  r.damage.repairs.set(of.key, repair);
  return repair;
}

/**
 * The stored record of `key` verifies and is not the key's value, which is `record`. `pin` is older than what proved it,
 * and passes to the repair.
 */
export function repairWith(
  r: Replica,
  ctx: Context,
  of: Pick<Repair, 'key' | 'atLeast' | 'pin'>,
  record: Entry | null,
): void {
  const repair = begin(r, ctx, of);
  found(r, ctx, repair, record, ctx.name);
}

function nextRound(r: Replica): number {
  r.rounds++;
  return r.rounds;
}

/** The newest committed entry of the key that is in memory. */
function newestCommitted(r: Replica, key: Key): Entry | null {
  let item = r.log.newest.get(key) ?? null;
  while (item !== null && item.entry.seq > r.commit) item = item.older;
  return item === null ? null : item.entry;
}

const valueIn = (e: Entry | null): Entry | null => (e !== null && storesValue(e) ? e : null);

/** Those behind this replica first, the nearest first: they have committed what it has. */
function candidates(r: Replica): Member[] {
  const members = r.assignment?.members ?? [];
  return [...members.slice(r.index + 1), ...members.slice(0, r.index).reverse()];
}

function ask(r: Replica, ctx: Context, repair: Repair): void {
  const able = candidates(r).filter((m) => !repair.damaged.has(m.node));
  if (able.length === 0) {
    if (repair.again || candidates(r).length === 0) return settle(r, ctx, repair, 'nowhere');
    repair.again = true;
    repair.damaged = new Set();
    repair.tried.clear();
    // What they say now must be of a second read.
    repair.round = nextRound(r);
    return ask(r, ctx, repair);
  }
  const next = able.find((m) => ctx.linkUp(m.node) && !repair.tried.has(m.node));
  repair.since = ctx.mono;
  repair.asked = next?.node ?? null;
  // All that can be reached were asked: from the first again, with the next beacon.
  if (next === undefined) return repair.tried.clear();
  repair.asks++;
  ctx.send(next.node, {
    kind: 'recordRequest',
    slot: r.slot,
    version: r.assignment?.version as ChainVersion,
    round: repair.round,
    key: repair.key,
    atLeast: repair.atLeast,
  });
}

/* At the member that is asked. */

/** Answers with what is committed here, from memory or from the store. */
export function onRecordRequest(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: RecordRequest,
): void {
  if (sender(r, from, incarnation) === null) return;
  const { round, key } = m;
  const usable = r.role === 'member' && r.complete && r.commit >= m.atLeast;
  if (!usable || r.damage.lending >= ctx.limits.repairs)
    return answer(r, ctx, from, { round, key, state: 'behind', entry: null });
  const own = newestCommitted(r, key);
  if (own !== null) return answerValue(r, ctx, from, round, key, own);
  r.damage.lending++;
  // What is committed and applied while the store is read stays in memory, to be laid over it.
  const { slot, installed } = r;
  ctx.fetch(key, { kind: 'record', slot, key, to: from, round, installed, pin: pinEffects(r) });
}

export function onRecordFetched(
  r: Replica,
  ctx: Context,
  f: Fetch & { kind: 'record' },
  stored: Uint8Array | null | 'corrupt',
): void {
  r.damage.lending--;
  const whole = unpin(r, f.pin);
  if (r.installed !== f.installed || r.role !== 'member') return;
  const { round, key } = f;
  if (!whole) return answer(r, ctx, f.to, { round, key, state: 'behind', entry: null });
  const own = newestCommitted(r, key) ?? repairedRecord(r, key);
  if (own !== undefined) return answerValue(r, ctx, f.to, round, key, own);
  if (stored === null) return answer(r, ctx, f.to, { round, key, state: 'absent', entry: null });
  if (stored !== 'corrupt') return answer(r, ctx, f.to, { round, key, state: 'value', entry: stored });
  answer(r, ctx, f.to, { round, key, state: 'damaged', entry: null });
  damagedRecord(r, ctx, key, null);
}

function answerValue(
  r: Replica,
  ctx: Context,
  to: NodeName,
  round: number,
  key: Key,
  own: Entry | null,
): void {
  const value = valueIn(own);
  const state = value === null ? 'absent' : 'value';
  answer(r, ctx, to, { round, key, state, entry: value?.bytes ?? null });
}

function answer(
  r: Replica,
  ctx: Context,
  to: NodeName,
  what: Pick<RecordAnswer, 'round' | 'key' | 'state' | 'entry'>,
): void {
  if (r.assignment === null) return;
  const { version } = r.assignment;
  const at = positionAt(r.log, r.commit);
  ctx.send(to, { kind: 'recordAnswer', slot: r.slot, version, ...what, at });
}

/* Back at the replica whose record is damaged. */

export function onRecordAnswer(
  r: Replica,
  ctx: Context,
  from: NodeName,
  incarnation: Incarnation,
  m: RecordAnswer,
): void {
  const repair = r.damage.repairs.get(m.key);
  // Whoever was asked first may answer after the next one was asked: it says what holds since the repair began (R49).
  if (repair?.state !== 'asking' || repair.round !== m.round) return;
  if (sender(r, from, incarnation) === null || r.role !== 'member') return;
  if (broken(r, ctx, repair) || foundHere(r, ctx, repair)) return;
  const entry = m.state === 'value' && m.entry !== null ? readEntry(m.entry) : null;
  const fits = entry !== null && entry.slot === r.slot && entry.key === m.key && storesValue(entry);
  // What is not committed here yet comes down the chain's own way: until then the answer is of another time.
  if (fits && entry.seq <= r.commit) return found(r, ctx, repair, entry, from);
  if (m.state === 'absent' && !changesSoon(r, m.key, m.at)) return found(r, ctx, repair, null, from);
  if (m.state === 'damaged' || (m.state === 'value' && !fits)) repair.damaged.add(from);
  repair.tried.add(from);
  if (repair.asked === from || repair.damaged.has(from)) ask(r, ctx, repair);
}

/** Whether an entry of the key that is committed at a member with this mark is not committed here yet. */
function changesSoon(r: Replica, key: Key, at: Position): boolean {
  for (let item = r.log.newest.get(key) ?? null; item !== null; item = item.older)
    if (item.entry.seq > r.commit && item.entry.seq <= at.seq) return true;
  return false;
}

/** A committed entry of the key in memory is as good as any record, and newer. */
function foundHere(r: Replica, ctx: Context, repair: Repair): boolean {
  const own = newestCommitted(r, repair.key);
  if (own !== null) found(r, ctx, repair, valueIn(own), ctx.name);
  return own !== null;
}

function found(r: Replica, ctx: Context, repair: Repair, record: Entry | null, at: NodeName): void {
  repair.record = record;
  ctx.notice('warn', 'record.found', {
    slot: r.slot,
    key: repair.key,
    at,
    position: record === null ? null : { version: record.version, seq: record.seq },
  });
  settle(r, ctx, repair, 'found');
}

function settle(r: Replica, ctx: Context, repair: Repair, state: 'found' | 'nowhere'): void {
  repair.state = state;
  repair.since = ctx.mono;
  if (state === 'nowhere') {
    r.damage.nowhere++;
    ctx.notice('error', 'record.nowhere', {
      slot: r.slot,
      version: r.assignment?.version,
      key: repair.key,
    });
  }
  for (const sufferer of repair.waiting.splice(0)) free(r, ctx, sufferer, state);
  ctx.touch(r);
}

function free(r: Replica, ctx: Context, sufferer: Sufferer, state: Damage['freed'][number]['state']): void {
  r.damage.freed.push({ sufferer, state });
  ctx.touch(r);
}

/* With the beacon, and with batches. */

export function tickRepairs(r: Replica, ctx: Context): void {
  for (const repair of r.damage.repairs.values()) {
    if (repair.state === 'nowhere' && ctx.mono - repair.since >= nowhereMs) forget(r, repair);
    if (broken(r, ctx, repair) || repair.state !== 'asking' || foundHere(r, ctx, repair)) continue;
    giveUpLate(r, ctx, repair);
    const { beaconMs } = ctx.timings;
    const patience = repair.asked === null ? beaconMs : retryMs(askBeacons * beaconMs, repair.asks - 1);
    if (ctx.mono - repair.since < patience) continue;
    if (repair.asked !== null) repair.tried.add(repair.asked);
    ask(r, ctx, repair);
  }
}

/** Those whose time is over hear it. None of their writes was ordered. */
function giveUpLate(r: Replica, ctx: Context, repair: Repair): void {
  for (let i = repair.waiting.length - 1; i >= 0; i--) {
    const s = repair.waiting[i] as Sufferer;
    if (s.op === 'copy' || s.until > ctx.mono) continue;
    repair.waiting.splice(i, 1);
    free(r, ctx, s, 'late');
  }
}

function forget(r: Replica, repair: Repair): void {
  r.damage.repairs.delete(repair.key);
  unpin(r, repair.pin);
}

/** Its pin broke: the key may have been written anew. What waits looks again; damage that is still there is noticed again. */
function broken(r: Replica, ctx: Context, repair: Repair): boolean {
  if (!repair.pin.broken) return false;
  forget(r, repair);
  for (const sufferer of repair.waiting.splice(0)) free(r, ctx, sufferer, 'found');
  return true;
}

/** Whether a repair waits for the disk. */
export function repairsDue(r: Replica): boolean {
  for (const repair of r.damage.repairs.values())
    if (repair.state === 'found' && !repair.taken && !repair.pin.broken) return true;
  return false;
}

/** Repairs for the next batch, to be written before the effects of entries: what those bring is newer. */
export function collectRepairs(r: Replica): RepairedRecord[] {
  const out: RepairedRecord[] = [];
  let bytes = 0;
  for (const repair of r.damage.repairs.values()) {
    if (repair.state !== 'found' || repair.taken || repair.pin.broken || bytes >= limits.appendBytes)
      continue;
    const newer = newestCommitted(r, repair.key);
    // It writes the key itself, soon: values on disk do not run ahead of the mark on disk.
    if (newer !== null && newer.seq > r.appliedTaken) continue;
    repair.taken = true;
    const record = newer === null ? repair.record : valueIn(newer);
    out.push({ key: repair.key, record });
    bytes += record?.bytes.length ?? 0;
  }
  return out;
}

/** A batch is on disk, with repairs or with what made them needless. */
export function repairsPersisted(r: Replica, ctx: Context): void {
  for (const repair of r.damage.repairs.values()) {
    if (repair.state !== 'found') continue;
    const newer = newestCommitted(r, repair.key);
    const rewritten = newer !== null && newer.seq > repair.atLeast && newer.seq <= r.appliedDisk;
    if (!repair.taken && !rewritten) continue;
    r.damage.repaired++;
    ctx.notice('warn', 'record.repaired', { slot: r.slot, key: repair.key });
    forget(r, repair);
  }
}

/** The replica stops being what it was: damage is noticed anew by whatever it becomes. */
export function abandonRepairs(r: Replica, ctx: Context): void {
  for (const repair of [...r.damage.repairs.values()]) {
    forget(r, repair);
    for (const s of repair.waiting.splice(0)) free(r, ctx, s, 'late');
  }
  for (const poll of r.damage.polls.values()) unpin(r, poll.pin);
  r.damage.polls.clear();
  const { comparing } = r.damage;
  if (comparing?.outcome !== 'asking') return;
  unpin(r, comparing.pin);
  comparing.outcome = 'again';
}
