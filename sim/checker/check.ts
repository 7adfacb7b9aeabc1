import { describe, violation } from './describe.ts';
import type { Doubt, HistoryRecord, Verdict } from './history.ts';
import { positionModel, valueModel } from './models.ts';
import type { KeyHistory } from './prepare.ts';
import { problemOf, splitByKey } from './prepare.ts';
import type { Model } from './search.ts';
import { search } from './search.ts';
import { checkByPositions } from './versions.ts';
import { checkWeakReads } from './weak.ts';

export interface CheckOptions {
  /** Every how many keys (in the order of their first calls) values are also searched without positions; 0 never. @default 4 */
  readonly searchEvery?: number;
  /** Keys with more strong operations are left out of that search. @default 400 */
  readonly searchOperationsMax?: number;
  /** Steps of one search before its verdict is 'unknown'. @default 1_000_000 */
  readonly stepsMax?: number;
}

/**
 * Are the strong operations (refusals included) linearizable for each key, and do the weaker reads keep what their
 * level promises? A violation of any key wins over an exhausted budget of another. Deterministic.
 * @throws Error when the records are no history (overlapping calls of a client, a return before its call).
 */
export function checkHistory(records: readonly HistoryRecord[], options: CheckOptions = {}): Verdict {
  const { searchEvery = 4, searchOperationsMax = 400, stepsMax = 1_000_000 } = options;
  let doubt: Doubt | undefined;
  for (const [index, history] of splitByKey(records).entries()) {
    const size = history.answered.length + history.unknown.length;
    const sampled = searchEvery > 0 && index % searchEvery === 0 && size <= searchOperationsMax;
    const verdicts = [
      () => checkPositions(history, stepsMax),
      () => checkWeakReads(history),
      () => (sampled ? checkValues(history, stepsMax) : fine),
    ];
    for (const check of verdicts) {
      const verdict = check();
      if (verdict.ok === false) return verdict;
      if (verdict.ok === 'unknown') doubt ??= verdict;
    }
  }
  return doubt ?? fine;
}

/** One key with positions: the fast path, and the search where unanswered writes leave it undecided. */
export function checkPositions(history: KeyHistory, stepsMax: number): Verdict {
  const decision = checkByPositions(history);
  if (decision.ok !== 'undecided') return decision;
  return searchVerdict(history, positionModel(history), stepsMax);
}

/** One key by its values alone. */
export function checkValues(history: KeyHistory, stepsMax: number): Verdict {
  return searchVerdict(history, valueModel(history), stepsMax);
}

const fine: Verdict = { ok: true };

function searchVerdict<S>(history: KeyHistory, model: Model<S>, stepsMax: number): Verdict {
  const outcome = search(problemOf(history), model, stepsMax);
  if (outcome.kind === 'legal') return fine;
  if (outcome.kind === 'exhausted') {
    const size = history.answered.length + history.unknown.length;
    const reason = `no verdict on ${size} operations after ${outcome.steps} steps: give keys fewer operations or raise stepsMax`;
    return { ok: 'unknown', key: history.key, reason, operations: [] };
  }
  const { stuck, before } = outcome;
  const writes = before.length === 0 ? 'no write' : before.map(describe).join(', then ');
  const reason = `no order explains ${describe(stuck)}; the longest order found ends with ${writes}`;
  return violation(history.key, reason, [...before, stuck]);
}
