import type { CoordinatorView } from '../coordinator-view.ts';
import { decide } from '../decide.ts';
import type { Observed } from '../observed.ts';
import { covers } from '../runtime/same.ts';
import type { Action, Outcome } from './step.ts';

/** For tests: outcomes and decisions as short lines. */

export const unknown: Observed['view'] = { is: 'unknown', because: 'nobody answers' };
export const known = (view: CoordinatorView): Observed['view'] => ({ is: 'known', view });

/** The writes of an action list in one line each; events are left out. */
export function writes(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => {
    if (action.do === 'event') return [];
    if (action.do === 'apply') return [`apply ${action.object.kind} ${action.object.metadata.name}`];
    return [`${action.do} ${action.ref.kind} ${action.ref.name}`];
  });
}

export function events(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => (action.do === 'event' ? [action.event.reason] : []));
}

export function inShort(outcome: Outcome) {
  return {
    is: outcome.is,
    ...(outcome.is === 'done' ? {} : { reason: outcome.reason }),
    writes: writes(outcome.actions),
  };
}

/** What of a decision would be sent: applies of what is there already are not. */
export function changes(observed: Observed): string[] {
  const { actions } = decide(observed);
  const needed = actions.filter(
    (action) =>
      action.do !== 'apply' ||
      !covers(observed.children.get(`${action.object.kind}/${action.object.metadata.name}`), action.object),
  );
  return writes(needed);
}
