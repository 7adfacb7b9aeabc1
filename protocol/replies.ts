/** Makers of replies. */
import { type ErrorCode, outcomeOf } from './errors.ts';
import type { Failure, Seen } from './requests.ts';
import type { Assignment, WallMs } from './words.ts';

export function failure(
  code: ErrorCode,
  message: string,
  more?: { seen?: Seen; route?: Assignment | null; slotTime?: WallMs; outcome?: Failure['outcome'] },
): Failure {
  return {
    kind: 'failed',
    code,
    outcome: more?.outcome ?? outcomeOf(code),
    message,
    seen: more?.seen ?? null,
    route: more?.route ?? null,
    slotTime: more?.slotTime ?? 0,
  };
}
