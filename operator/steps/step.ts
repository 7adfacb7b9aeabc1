import type { Observed } from '../observed.ts';
import type { DeleteOptions } from '../runtime/api.ts';
import type { EventInit } from '../runtime/event-recorder.ts';
import type { KubeObject, ObjectRef } from '../runtime/kube-object.ts';

/** What a step wants done. Values: deciding and doing are apart, so that every decision can be tested as a table. */
export type Action =
  | { do: 'apply'; object: KubeObject }
  | { do: 'patch'; ref: ObjectRef; patch: object }
  | ({ do: 'delete'; ref: ObjectRef } & DeleteOptions)
  | { do: 'event'; event: EventInit };

/**
 * What a step came to. `waiting` is progress that needs time, `blocked` needs a person; both say why, in a CamelCase
 * reason and a sentence without ages or other numbers that change at every look (a status would be written each time).
 */
export type Outcome = { actions: Action[] } & (
  | { is: 'done' }
  | { is: 'waiting'; reason: string; message: string; againMs: number }
  | { is: 'blocked'; reason: string; message: string; againMs: number }
);

export interface Step {
  name: string;
  /** A disruptive step begins nothing while an earlier one waits or is blocked: one disruption at a time. */
  disruptive?: true;
  decide(observed: Observed): Outcome;
  /** Whether the steps behind this one are left out. Default: never. */
  ends?(observed: Observed): boolean;
}

/** Soon: something of ours is under way, and its events will mostly wake us earlier. */
export const soonMs = 2_000;
/** Later: a person or a machine has to act first. */
export const laterMs = 15_000;

export function done(actions: Action[] = []): Outcome {
  return { is: 'done', actions };
}

export function waiting(reason: string, message: string, actions: Action[] = [], againMs = soonMs): Outcome {
  return { is: 'waiting', reason, message, againMs, actions };
}

export function blocked(reason: string, message: string, actions: Action[] = [], againMs = laterMs): Outcome {
  return { is: 'blocked', reason, message, againMs, actions };
}

export function apply(...objects: KubeObject[]): Action[] {
  return objects.map((object) => ({ do: 'apply', object }));
}

/** "a, b, c and 4 more" */
export function someOf(names: readonly (string | number)[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
