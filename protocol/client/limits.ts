/** Limits of a client session. */
import type { LimitText } from '../limit-texts.ts';

export const clientLimits = {
  /** Numbers that may lie between a lane's floor and the next one; below `limits.sessionWindow`. */
  window: 16_384,
  openWrites: 16_384,
  lanes: 256,
} as const;

export const clientLimitTexts: Readonly<Record<keyof typeof clientLimits, LimitText>> = {
  window: {
    bounds: 'numbers between the lowest unanswered write of a slot and the next one, under one client id',
    beyond: 'the next write goes under another client id',
    metric: '',
  },
  openWrites: {
    bounds: 'unanswered writes of one slot in one session',
    beyond: 'further ones wait for room, by slot; OVERLOADED (definite) at their deadline',
    metric: '',
  },
  lanes: { bounds: 'client ids that one slot may need at once', beyond: 'as openWrites', metric: '' },
};
