/**
 * What a client was not told, the ledgers know: where a search through all that may have happened to unanswered writes
 * finds no end, the history is checked with what did happen to them.
 */
import { type Entry, storesValue } from '../protocol/entry.ts';
import { type HistoryRecord, isRead, type WriteRecord } from './checker/history.ts';

/** The committed entry of a request, by its name; undefined when it never took effect. */
export type EntryOf = (request: string, key: string) => Entry | undefined;

/** The history of a run that is over at `end`, as if every write had been answered then at the latest. */
export function tellUnknown(
  history: readonly HistoryRecord[],
  requests: ReadonlyMap<HistoryRecord, string>,
  entryOf: EntryOf,
  end: number,
): HistoryRecord[] {
  return history.map((record) => {
    if (isRead(record) || record.result.kind !== 'unknown') return record;
    const entry = entryOf(requests.get(record) ?? '', record.key);
    if (entry === undefined || entry.kind === 'refused') return { ...record, result: { kind: 'failed' } };
    return { ...record, ret: end, result: answerOf(record, entry) };
  });
}

function answerOf({ op }: WriteRecord, entry: Entry): WriteRecord['result'] {
  const { version, seq, replaced, objectVersion } = entry;
  const previous = replaced.seq === 0 ? null : replaced;
  const value =
    op.kind === 'add' && storesValue(entry) ? { value: Number(new TextDecoder().decode(entry.value)) } : {};
  return {
    kind: 'ok',
    position: { version, seq },
    previous,
    existed: previous !== null,
    objectVersion,
    ...value,
  };
}
