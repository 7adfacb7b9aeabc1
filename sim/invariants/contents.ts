/** What replicas of one slot must have in common when nothing happens any more. */
import type { Entry } from '../../protocol/entry.ts';
import { formatPosition, type Slot } from '../../protocol/words.ts';
import { endOf } from '../world/content.ts';
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
  const tables = hosts.map((host) => resultsOf(host, ledger.slot));
  for (const [i, table] of tables.entries())
    if (table !== tables[0])
      wrong.push(
        `${hosts[i]?.name} remembers other results of writes than ${hosts[0]?.name}:\n    ${table}\n    ${tables[0]}`,
      );
  return wrong;
}

/** The dedupe table in an order of its own: sessions come and go in the order of the log, results likewise. */
function resultsOf(host: NodeHost, slot: Slot): string {
  const table = host.core.state.replicas.get(slot)?.dedupe;
  if (table === undefined) return 'nothing';
  const sessions = [...table.sessions].map(([client, s]) => {
    const results = [...s.results]
      .map(([n, r]) => `${n}@${formatPosition(r.position)}${r.refusal ?? ''}`)
      .sort();
    return `${client}>=${s.floor} ${s.stamp}: ${results.join(' ')}`;
  });
  return `${table.time}; ${sessions.sort().join('; ')}`;
}

const describe = (e: Entry | undefined): string => (e === undefined ? 'nothing' : formatPosition(e));
