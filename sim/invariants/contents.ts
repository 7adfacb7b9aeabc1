/** What replicas of one slot must have in common: at the end of a run, and when one of them becomes a member. */
import { changesKey, type Entry, storesValue } from '../../protocol/entry.ts';
import { inspect } from '../../protocol/node/inspect.ts';
import { createDedupe, type Dedupe, remember } from '../../protocol/replica/dedupe.ts';
import type { Replica } from '../../protocol/replica/state.ts';
import { formatPosition, type Key } from '../../protocol/words.ts';
import { endOf } from '../world/content.ts';
import type { Disk } from '../world/disk.ts';
import type { NodeHost } from '../world/node-host.ts';
import { placeOf, type SlotLedger } from './ledger.ts';

/**
 * Every replica of the version in force ends equal: log, values, results of the last writes, and nothing pending.
 * Sentences for what is not.
 */
export function compareContents(ledger: SlotLedger, hosts: readonly NodeHost[]): string[] {
  const wrong: string[] = [];
  for (const host of hosts) {
    const s = host.disk.content.slots.get(ledger.slot);
    if (s === undefined) {
      wrong.push(`${host.name} holds nothing of slot ${ledger.slot}`);
      continue;
    }
    if (endOf(s).seq !== ledger.committed.length)
      wrong.push(
        `${host.name} ends at ${formatPosition(endOf(s))}, but ${ledger.committed.length} entries are committed`,
      );
    for (const [key, entry] of ledger.values)
      if (s.values.get(key)?.bytes === undefined || placeOf(s.values.get(key) as Entry) !== placeOf(entry))
        wrong.push(
          `${host.name} has ${describe(s.values.get(key))} for ${key}, not ${formatPosition(entry)}`,
        );
    for (const [key, entry] of s.values)
      if (!ledger.values.has(key))
        wrong.push(`${host.name} has ${formatPosition(entry)} for ${key}, which is absent`);
  }
  const dedupes = hosts.map((host) => inspect(host.core).replicas.get(ledger.slot)?.dedupe);
  const forgotten = Math.max(...dedupes.map((table) => table?.forgotten.last ?? 0));
  const tables = dedupes.map((table) => (table === undefined ? 'nothing' : written(table, forgotten)));
  for (const [i, table] of tables.entries())
    if (table !== tables[0])
      wrong.push(
        `${hosts[i]?.name} remembers other results of writes than ${hosts[0]?.name}:\n    ${table}\n    ${tables[0]}`,
      );
  return wrong;
}

/**
 * What a store that just became serving, or that is opened again, holds of what is committed: its values are those of the
 * commit mark that is on its disk, its log is the committed one. Sentences for what is not.
 */
export function compareAtMark(ledger: SlotLedger, disk: Disk): string[] {
  const s = disk.content.slots.get(ledger.slot);
  if (s === undefined) return [`${disk.id} holds nothing of slot ${ledger.slot}`];
  const mark = s.marks.commit.seq;
  if (mark > ledger.committed.length)
    return [`${disk.id} has the commit mark ${mark}, but ${ledger.committed.length} entries are committed`];
  const wrong: string[] = [];
  const values = valuesAt(ledger, mark);
  for (const [key, entry] of values) {
    const held = s.values.get(key);
    if (held === undefined || placeOf(held) !== placeOf(entry))
      wrong.push(
        `${disk.id} has ${describe(held)} for ${key} at its mark ${mark}, not ${formatPosition(entry)}`,
      );
  }
  for (const [key, entry] of s.values)
    if (!values.has(key))
      wrong.push(`${disk.id} has ${formatPosition(entry)} for ${key} at its mark ${mark}, which is absent`);
  for (const entry of s.log) {
    const committed = ledger.committed[entry.seq - 1];
    if (entry.seq <= mark && committed !== undefined && committed.version !== entry.version)
      wrong.push(`${disk.id} has ${formatPosition(entry)} in its log, not ${formatPosition(committed)}`);
  }
  return wrong;
}

/** '' when a replica remembers the results that the committed log up to its mark gives, else what it remembers instead. */
export function compareResults(ledger: SlotLedger, r: Replica, horizonMs: number): string {
  const right = createDedupe();
  const room = { horizonMs, results: Number.POSITIVE_INFINITY };
  for (const entry of ledger.committed.slice(0, r.commit)) remember(right, entry, room);
  const forgotten = r.dedupe.forgotten.last;
  const wanted = written(right, forgotten);
  const found = written(r.dedupe, forgotten);
  return found === wanted
    ? ''
    : `remembers other results of writes than its log gives:\n    ${found}\n    ${wanted}`;
}

function valuesAt(ledger: SlotLedger, mark: number): ReadonlyMap<Key, Entry> {
  if (mark === ledger.committed.length) return ledger.values;
  const values = new Map<Key, Entry>();
  for (const entry of ledger.committed.slice(0, mark)) {
    if (!changesKey(entry)) continue;
    if (storesValue(entry)) values.set(entry.key, entry);
    else values.delete(entry.key);
  }
  return values;
}

/** What a dedupe table says of entries above `forgotten`, in an order of its own. */
function written(table: Dedupe, forgotten: number): string {
  const known = [...table.sessions].filter(([, s]) => s.last > forgotten);
  const sessions = known.map(([client, s]) => {
    const results = [...s.results]
      .filter(([, r]) => r.position.seq > forgotten)
      .map(([n, r]) => `${n}@${formatPosition(r.position)}${r.refusal ?? ''}`)
      .sort();
    return `${client}>=${s.floor} ${s.stamp}: ${results.join(' ')}`;
  });
  return `${table.time}; ${sessions.sort().join('; ')}`;
}

const describe = (e: Entry | undefined): string => (e === undefined ? 'nothing' : formatPosition(e));
