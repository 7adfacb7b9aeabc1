import type { Observed } from './observed.ts';
import {
  access,
  budgets,
  config,
  coordinators,
  networkPolicy,
  nodes,
  podMonitor,
  services,
} from './steps/children.ts';
import { deletion, finalizing, pause, validation } from './steps/lifecycle.ts';
import { replacing } from './steps/replace.ts';
import { mendingCoordinators, rollingCoordinators, rollingNodes } from './steps/rolling.ts';
import { scaling } from './steps/scale.ts';
import { state } from './steps/state.ts';
import type { Action, Outcome, Step } from './steps/step.ts';
import { volumes } from './steps/volumes.ts';

/** The reconcile, in order. Each line is a file or a few lines that can be read and tested alone. */
export const steps: readonly Step[] = [
  deletion,
  finalizing,
  validation,
  pause,
  access,
  state,
  services,
  budgets,
  networkPolicy,
  podMonitor,
  scaling,
  config,
  coordinators,
  volumes,
  nodes,
  mendingCoordinators,
  replacing,
  rollingNodes,
  rollingCoordinators,
];

export interface Decision {
  actions: Action[];
  /** What each step that was asked came to, in order. */
  outcomes: { step: string; outcome: Outcome }[];
}

/** Pure: the same observation gives the same decision. */
export function decide(observed: Observed): Decision {
  const outcomes: Decision['outcomes'] = [];
  for (const step of steps) {
    const held = outcomes.some(({ step: name, outcome }) => holdsBack(name, outcome));
    if (step.disruptive === true && held) continue;
    outcomes.push({ step: step.name, outcome: step.decide(observed) });
    if (step.ends?.(observed) === true) break;
  }
  return { actions: outcomes.flatMap(({ outcome }) => outcome.actions), outcomes };
}

/** One disruption at a time; growing volumes and refused wishes do not stop an update, which may even be their cure. */
function holdsBack(step: string, outcome: Outcome): boolean {
  if (outcome.is === 'blocked') return outcome.reason === 'UpgradeBlocked';
  return outcome.is === 'waiting' && step !== volumes.name;
}
