/**
 * What a page of values promises (rule 3.1): it is proven as a strong read of every key in its range, and it holds everything
 * up to the position that it names.
 */
import { changesKey, type Entry, storesValue } from '../../protocol/entry.ts';
import { slotOf } from '../../protocol/slots.ts';
import { formatPosition, type Key, key } from '../../protocol/words.ts';
import type { ListedPage } from '../world/lister.ts';
import type { HistoryRecord, ReadAnswer } from './history.ts';

const inRange = ({ after, next }: ListedPage, k: Key): boolean =>
  (after === null || k > after) && (next === null || k <= next);

/** A strong read of each key of the history that lies in the range of a page. */
export function readsOf(
  pages: readonly ListedPage[],
  history: readonly HistoryRecord[],
  slots: number,
): HistoryRecord[] {
  const keys = [...new Set(history.map((r) => key(r.key)))];
  let reader = 0;
  return pages.flatMap((page) =>
    keys
      .filter((k) => slotOf(k, slots) === page.slot && inRange(page, k) && !page.damaged.includes(k))
      .map((k): HistoryRecord => {
        // Nobody else counts downwards.
        reader--;
        const entry = page.values.get(k);
        return {
          client: reader,
          key: k,
          call: page.call,
          ret: page.ret,
          op: { kind: 'get', level: 'strong' },
          result: entry === undefined ? { kind: 'ok', found: false } : shown(entry),
        };
      }),
  );
}

const shown = (entry: Entry): ReadAnswer => ({
  kind: 'ok',
  found: true,
  value: new TextDecoder().decode(entry.value),
  position: { version: entry.version, seq: entry.seq },
  objectVersion: entry.objectVersion,
  updated: entry.stamp,
});

/** What is wrong with a page beside what was committed, index 0 holding sequence 1; '' = nothing. */
export function wrongIn(page: ListedPage, committed: readonly Entry[]): string {
  const told = `a page of ${page.from} at ${formatPosition(page.at)}`;
  if (page.at.seq > committed.length) return `${told} is of a mark that was never committed`;
  let before: Key | null = page.after;
  for (const [k, entry] of page.values) {
    if (!inRange(page, k) || (before !== null && k <= before)) return `${told} shows ${k} out of its order`;
    before = k;
    if (committed[entry.seq - 1]?.version !== entry.version)
      return `${told} shows ${formatPosition(entry)} for ${k}, which is not committed`;
  }
  const due = new Map<Key, Entry>();
  for (const e of committed.slice(0, page.at.seq))
    if (changesKey(e) && inRange(page, e.key)) due.set(e.key, e);
  for (const [k, e] of due) {
    if (page.damaged.includes(k)) continue;
    const found = page.values.get(k);
    if (found === undefined ? isGone(k, e, committed) : found.seq >= e.seq) continue;
    return `${told} shows ${found === undefined ? 'nothing' : formatPosition(found)} for ${k}, which was ${formatPosition(e)} there`;
  }
  return '';
}

/** From this entry on the key was absent at some time. */
const isGone = (k: Key, e: Entry, committed: readonly Entry[]): boolean =>
  committed.slice(e.seq - 1).some((x) => changesKey(x) && x.key === k && !storesValue(x));
