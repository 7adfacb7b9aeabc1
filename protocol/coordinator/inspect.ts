/**
 * The whole state of a core, for those who prove things about it: the simulator, the checkers, tests. What runs in
 * production sees the contract alone (`.dependency-cruiser.cjs` holds it), so that nothing is decided where the
 * simulator does not look.
 */
import type { CoordinatorState } from './state.ts';

const states = new WeakMap<object, CoordinatorState>();

/** Called once, by the core that is made. */
export function openForInspection(core: object, state: CoordinatorState): void {
  states.set(core, state);
}

/** @throws Error for what is no core of a coordinator */
export function inspect(core: object): CoordinatorState {
  const state = states.get(core);
  if (state === undefined) throw new Error('only the core of a coordinator can be inspected');
  return state;
}
