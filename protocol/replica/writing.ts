/**
 * Writes at the head (section 2). Every check that can fail is made before an entry is ordered; conditions look at the
 * newest pending value; a refusal is a strong read; a retry finds its first attempt in the results or in the log.
 */
import { type Entry, type EntryKind, makeEntry, type Refusal, readEntry, storesValue } from '../entry.ts';
import { kindLevels } from '../features.ts';
import { failure } from '../replies.ts';
import type { Condition, Failure, Request, WriteRequest } from '../requests.ts';
import { type MonoMs, origin, type Position, type Seq, type WallMs } from '../words.ts';
import { take } from './chain.ts';
import { type Expiry, look } from './dedupe.ts';
import type { Item, RefusedBy } from './log.ts';
import { pinNews, unpin } from './pins.ts';
import { proveRefusal } from './reading.ts';
import { damagedRecord, repairedRecord } from './repair.ts';
import { refusalMessages, resultReply } from './results.ts';
import { type Context, type Fetch, featuresFrom, isHead, type Replica, type TightDisk } from './state.ts';
import { noteRequest } from './waiters.ts';

/** A write that reached this replica as head. Exactly one reply follows, now or when the chain has it on disk. */
export function write(r: Replica, ctx: Context, tag: number, q: WriteRequest, until: MonoMs): void {
  // A head that was started anew orders nothing, and refuses nothing, before its successor confirmed that its log lacks
  // nothing that was promised (R15): what it would build on might be older than what was acknowledged.
  if (!r.readable) {
    const why = `${ctx.name} was started anew and waits for the next member of the chain; ask again`;
    return ctx.reply(tag, failure('NOT_READY', why, { route: r.assignment }));
  }
  if (!admit(r, ctx, tag, q)) return;
  const pending = r.log.newest.get(q.key);
  if (pending !== undefined) return order(r, ctx, tag, q, pending.entry, pending, until);
  const repaired = repairedRecord(r, q.key);
  if (repaired !== undefined) return order(r, ctx, tag, q, repaired, null, until);
  fetchForWrite(r, ctx, tag, q, until);
}

/** Whatever is written to the key from now on stays in memory, so that the answer can't be overtaken (R42). */
function fetchForWrite(r: Replica, ctx: Context, tag: number, q: WriteRequest, until: MonoMs): void {
  const { slot, installed } = r;
  ctx.fetch(q.key, { kind: 'write', slot, tag, request: q, installed, pin: pinNews(r), until });
}

/** The stored value of the key came back. Anything may have happened meanwhile: every check is made anew. */
export function onWriteFetched(
  r: Replica,
  ctx: Context,
  f: Fetch & { kind: 'write' },
  stored: Uint8Array | null | 'corrupt',
): void {
  const { tag, request: q, until } = f;
  const whole = unpin(r, f.pin);
  if (r.installed !== f.installed || !isHead(r))
    return ctx.reply(
      tag,
      failure('NOT_HEAD', 'the chain changed; ask its head', { route: r.installing ?? r.assignment }),
    );
  if (!admit(r, ctx, tag, q)) return;
  const pending = r.log.newest.get(q.key);
  if (pending !== undefined) return order(r, ctx, tag, q, pending.entry, pending, until);
  // What was written to the key meanwhile may have been let go.
  if (!whole) return fetchForWrite(r, ctx, tag, q, until);
  const entry = stored === null || stored === 'corrupt' ? null : readEntry(stored);
  if (stored !== 'corrupt' && (stored === null || entry !== null))
    return order(r, ctx, tag, q, entry, null, until);
  if (damagedRecord(r, ctx, q.key, { op: 'write', tag, request: q, until })) return;
  ctx.reply(
    tag,
    failure(
      'OVERLOADED',
      'many damaged records of this slot are being repaired at its head; try again later',
    ),
  );
}

/** Puts or deletes a key whose value no member knows any more: a new life of the object begins. */
export function overwrite(r: Replica, ctx: Context, tag: number, q: WriteRequest, until: MonoMs): void {
  if (!admit(r, ctx, tag, q)) return;
  const pending = r.log.newest.get(q.key);
  order(r, ctx, tag, q, pending?.entry ?? null, pending ?? null, until);
}

/** Checks that need nothing of the key. True when the write may be ordered; otherwise the caller has its answer. */
function admit(r: Replica, ctx: Context, tag: number, q: WriteRequest): boolean {
  const refuse = (f: ReturnType<typeof failure>): false => {
    ctx.reply(tag, f);
    return false;
  };
  if (ctx.failed) return refuse(storeFailed(ctx, q));
  const first = r.requests.get(q.client)?.get(q.number);
  if (first !== undefined) {
    // The first attempt is on its way down the chain: wait for that very entry (R9).
    first.waiters ??= [];
    first.waiters.push({ kind: 'write', tag, refusal: null });
    return false;
  }
  const known = look(r.dedupe, q.client, q.number, q.slotTime, ctx.timings.dedupeHorizonMs);
  if (known.kind === 'done') {
    ctx.reply(tag, resultReply(known.result, r.dedupe.time));
    return false;
  }
  if (known.kind === 'expired') return refuse(expired(known.why, Math.max(1, r.dedupe.time), q));
  if (!ctx.clockTrusted)
    return refuse(
      failure(
        'CLOCK_SKEW',
        `the clock of ${ctx.name} is far off its neighbours'; set it right, until then it takes no writes`,
      ),
    );
  const short = ctx.tightest(r);
  if (short !== null && (q.op !== 'delete' || short.level === 'full'))
    return refuse(noRoom(r, short, q.retry));
  const { pendingEntries, pendingBytes } = ctx.limits;
  if (r.log.end.seq - r.commit >= pendingEntries || r.pendingBytes >= pendingBytes)
    return refuse(
      failure('OVERLOADED', 'too many writes of this slot wait for the chain; slow down and try again'),
    );
  // Fair among slots: each may hold as much as is left free, so that a slow chain leaves room for the others.
  if (r.pendingBytes >= ctx.pendingRoom)
    return refuse(
      failure('OVERLOADED', `too many writes of all slots wait at ${ctx.name}; slow down and try again`),
    );
  return true;
}

/** This attempt was not executed and never will be. Of earlier ones, which a retry speaks of, nothing is known any more. */
function expired(why: Expiry, slotTime: WallMs, q: WriteRequest): Failure {
  const cause = {
    untimed: 'the write names no slot time',
    answered: `request ${q.number} is below the numbers that the session keeps open`,
    old: 'the slot time of the write is older than what the chain remembers',
  }[why];
  const next = why === 'answered' ? 'under a new request number' : `with slot time ${slotTime}`;
  const fate = q.retry
    ? 'whether an earlier attempt was executed is not known any more; read the key to find out'
    : `nothing was done; send it again ${next}`;
  return failure('SESSION_EXPIRED', `${cause}: ${fate}`, {
    slotTime,
    outcome: q.retry ? 'indefinite' : 'definite',
  });
}

/** Reads may find another member that answers; a write is told what is wrong. */
export function storeFailed({ name, noRoom }: Pick<Context, 'name' | 'noRoom'>, q: Request): Failure {
  if (!noRoom)
    return failure(
      'STORE_FAILED',
      `the store of ${name} failed; it takes no writes until it is replaced or restarted`,
    );
  const why = `the disk of ${name} is full and its store failed; give it a larger volume or delete other files on it: ${name} starts anew by itself when there is room`;
  if (q.op === 'get') return failure('STORE_FAILED', why);
  return failure('DISK_FULL', why, { outcome: q.retry ? 'indefinite' : 'definite' });
}

/** Growth is refused for the whole chain before any of its disks is full; deletes make room (rule 2.12). */
function noRoom(r: Replica, { node, level }: TightDisk, retry: boolean): Failure {
  const why =
    level === 'full'
      ? `the disk of ${node} is full: the chain of slot ${r.slot} takes no writes until there is room; give ${node} a larger volume`
      : `the disk of ${node} has little room left: the chain of slot ${r.slot} takes deletes only; delete data or give ${node} a larger volume`;
  return failure('DISK_FULL', why, { outcome: retry ? 'indefinite' : 'definite' });
}

/** `newest` is the newest value of the key, pending or stored; `item` is it while it is in memory. */
function order(
  r: Replica,
  ctx: Context,
  tag: number,
  q: WriteRequest,
  newest: Entry | null,
  item: Item | null,
  until: MonoMs,
): void {
  const present = newest !== null && storesValue(newest) ? newest : null;
  const effect = decide(q, present);
  if ('code' in effect) return refuse(r, ctx, tag, q, effect, newest, item, until);
  if (kindLevels[effect.kind] > featuresFrom(r, ctx))
    return ctx.reply(
      tag,
      failure(
        'NOT_READY',
        `a member of the chain of slot ${r.slot} runs a release that does not know this write yet; ask again after the update`,
      ),
    );
  append(r, ctx, tag, q, effect.kind, effect.value, null, present);
}

function append(
  r: Replica,
  ctx: Context,
  tag: number,
  q: WriteRequest,
  kind: EntryKind,
  value: Uint8Array,
  refusal: Refusal | null,
  present: Entry | null,
): void {
  const version = r.assignment?.version;
  if (version === undefined) return;
  const end = r.log.end;
  const last = r.log.items[r.log.items.length - 1];
  const lastStamp = Math.max(r.dedupe.time, last === undefined ? 0 : last.entry.stamp);
  // Stamps never go back (R18).
  const stamp = Math.max(ctx.wall, lastStamp);
  const writes = kind === 'put' || kind === 'counter';
  const replaced: Position = present === null ? origin : { version: present.version, seq: present.seq };
  const entry = makeEntry({
    kind,
    slot: r.slot,
    version,
    versionBefore: end.version,
    seq: (end.seq + 1) as Seq,
    stamp,
    client: q.client,
    number: q.number,
    floor: q.floor,
    objectVersion: (present?.objectVersion ?? 0) + (writes ? 1 : 0),
    created: present?.created ?? (writes ? stamp : 0),
    replaced,
    refusal,
    key: q.key,
    value,
  });
  const item = take(r, ctx, entry);
  item.waiters = [{ kind: 'write', tag, refusal: null }];
  noteRequest(r, item);
}

type EffectOfWrite = { readonly kind: EntryKind; readonly value: Uint8Array } | RefusedBy;

const noBytes = new Uint8Array(0);
const counterMax = 2n ** 63n - 1n;
const counterMin = -(2n ** 63n);

/** What the write does to a key whose present value is `present`. Pure; the whole meaning of the operations. */
function decide(q: WriteRequest, present: Entry | null): EffectOfWrite {
  for (const c of q.conditions) {
    if (!holds(c, present)) return { code: 'CONDITION_FAILED', message: conditionMessage(c, present) };
  }
  if (q.op === 'put') return { kind: 'put', value: q.value };
  if (q.op === 'delete') return { kind: 'delete', value: noBytes };
  const now = present === null ? 0n : parseCounter(present.value);
  if (now === null) return { code: 'NOT_A_COUNTER', message: refusalMessages.NOT_A_COUNTER };
  const sum = now + q.delta;
  if (sum > counterMax || sum < counterMin)
    return { code: 'COUNTER_OVERFLOW', message: refusalMessages.COUNTER_OVERFLOW };
  return { kind: 'counter', value: new TextEncoder().encode(sum.toString()) };
}

function parseCounter(value: Uint8Array): bigint | null {
  if (value.length === 0 || value.length > 20) return null;
  const text = new TextDecoder('latin1').decode(value);
  if (!/^-?(0|[1-9][0-9]*)$/.test(text)) return null;
  const n = BigInt(text);
  return n > counterMax || n < counterMin ? null : n;
}

function fieldOf(c: Condition, present: Entry | null): number {
  if (present === null) return 0;
  switch (c.field) {
    case 'exists':
      return 1;
    case 'version':
      return present.objectVersion;
    case 'revision':
      return present.seq;
    case 'updated':
      return present.stamp;
  }
}

function holds(c: Condition, present: Entry | null): boolean {
  const actual = fieldOf(c, present);
  switch (c.operator) {
    case 'eq':
      return actual === c.value;
    case 'ne':
      return actual !== c.value;
    case 'lt':
      return actual < c.value;
    case 'le':
      return actual <= c.value;
    case 'gt':
      return actual > c.value;
    case 'ge':
      return actual >= c.value;
  }
}

const conditionMessage = (c: Condition, present: Entry | null): string =>
  `condition ${c.field} ${c.operator} ${c.value} does not hold: ${present === null ? 'the key is absent' : `${c.field} is ${fieldOf(c, present)}`}`;

/**
 * A refusal reveals state. A retry's is logged, so that no earlier attempt can still take effect (R17). One that
 * depends on a pending entry waits for that entry (P38). Any other is a strong read and needs its proof (R8).
 */
function refuse(
  r: Replica,
  ctx: Context,
  tag: number,
  q: WriteRequest,
  by: RefusedBy,
  newest: Entry | null,
  item: Item | null,
  until: MonoMs,
): void {
  const present = newest !== null && storesValue(newest) ? newest : null;
  if (q.retry) return append(r, ctx, tag, q, 'refused', noBytes, by.code, present);
  if (item !== null && item.entry.seq > r.commit) {
    item.waiters ??= [];
    item.waiters.push({ kind: 'refusal', tag, refusal: by });
    return;
  }
  proveRefusal(r, ctx, { kind: 'refusal', tag, refusal: by, seen: newest, until });
}
