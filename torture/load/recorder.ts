/** The history of a run, as the checker reads it: one record for each call of a client. */
import { ChainError } from '../../client/index.ts';
import type { HistoryRecord, ReadRecord, WriteRecord } from '../../sim/checker/history.ts';

export class Recorder {
  readonly records: HistoryRecord[] = [];
  /** Calls that were answered with success or with a refused condition. */
  acknowledged = 0;
  /** Calls by how they ended. */
  readonly endings = new Map<string, number>();
  readonly #keep: boolean;
  #client = 0;

  /** `keep`: every record, for the checker; else only counts. */
  constructor(keep = true) {
    this.#keep = keep;
  }

  /** An id of a client that makes one call after the other. */
  nextClient(): number {
    this.#client++;
    return this.#client;
  }

  /** A record beside the load's own calls. */
  note(record: HistoryRecord): void {
    if (this.#keep) this.records.push(record);
  }

  add(record: HistoryRecord, ending: string): void {
    this.note(record);
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
    if (record.result.kind === 'ok' || record.result.kind === 'refused') this.acknowledged++;
  }
}

/** How a write that threw ended. @throws what is no answer of the store */
export function endOfWrite(error: unknown): { result: WriteRecord['result']; ending: string } {
  if (!(error instanceof ChainError)) throw error;
  if (error.code === 'CONDITION_FAILED') return { result: { kind: 'refused' }, ending: 'refused' };
  return { result: { kind: error.outcome === 'definite' ? 'failed' : 'unknown' }, ending: error.code };
}

export function endOfRead(error: unknown): { result: ReadRecord['result']; ending: string } {
  if (!(error instanceof ChainError)) throw error;
  return { result: { kind: 'failed' }, ending: error.code };
}

/** What a read found, in the checker's words. */
export function answerOf(found: {
  readonly found: boolean;
  readonly value: Uint8Array | null;
  readonly version: number;
  readonly position?: { readonly version: number; readonly seq: number };
  readonly updated?: number;
}): ReadRecord['result'] {
  if (!found.found || found.value === null || found.position === undefined)
    return { kind: 'ok', found: false };
  return {
    kind: 'ok',
    found: true,
    value: Buffer.from(found.value).toString(),
    position: { version: found.position.version, seq: found.position.seq },
    objectVersion: found.version,
    ...(found.updated === undefined ? {} : { updated: found.updated }),
  };
}
