/** The verdict over a run: what the checker says of its history, in sentences. */
import { checkHistory } from '../../sim/checker/check.ts';
import { describe } from '../../sim/checker/describe.ts';
import type { HistoryRecord } from '../../sim/checker/history.ts';

export interface Judged {
  /** '' = nothing is wrong. */
  readonly wrong: string;
  /** Keys on which a search found no verdict: too much was left unanswered. */
  readonly undecided: readonly string[];
}

/** Each key by itself, so that one that cannot be decided hides no other. */
export function judge(records: readonly HistoryRecord[]): Judged {
  const undecided: string[] = [];
  for (const [key, own] of byKey(records)) {
    const verdict = checkHistory(own, { searchEvery: 1, searchOperationsMax: 200, stepsMax: 300_000 });
    if (verdict.ok === true) continue;
    if (verdict.ok === 'unknown') {
      // By positions alone: what was answered must fit, whatever became of the rest.
      const again = checkHistory(own, { searchEvery: 0, stepsMax: 3_000_000 });
      if (again.ok === true) continue;
      if (again.ok === 'unknown') undecided.push(`${key}: ${again.reason}`);
      else return { wrong: sentence(again.reason, key, again.operations), undecided };
    } else return { wrong: sentence(verdict.reason, key, verdict.operations), undecided };
  }
  return { wrong: '', undecided };
}

function byKey(records: readonly HistoryRecord[]): Map<string, HistoryRecord[]> {
  const keys = new Map<string, HistoryRecord[]>();
  for (const record of records) {
    const own = keys.get(record.key);
    if (own === undefined) keys.set(record.key, [record]);
    else own.push(record);
  }
  return keys;
}

const sentence = (reason: string, key: string, operations: readonly HistoryRecord[]): string =>
  `${key}: ${reason}${operations.map((each) => `\n    ${describe(each)}`).join('')}`;
