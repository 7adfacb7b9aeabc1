import type { Logger } from 'pino';
import type { ChainCluster } from '../manifest/types.ts';
import { type Decision, decide } from './decide.ts';
import { type Observer, observe } from './observe.ts';
import { childKey, type Observed } from './observed.ts';
import { ApiError, isConflict } from './runtime/api-error.ts';
import { type ReconcileResult, TerminalError } from './runtime/controller.ts';
import type { EventInit, EventRecorder } from './runtime/event-recorder.ts';
import { type KubeObject, splitKey } from './runtime/kube-object.ts';
import { buildStatus } from './status.ts';
import { type Action, blocked } from './steps/step.ts';
import { transitions } from './transitions.ts';

export interface ReconcilerOptions {
  observer: Observer;
  events: EventRecorder;
  log: Logger;
  /** How often a cluster is looked at when nothing happens: the health of the chains shows in no Kubernetes event. */
  resyncMs: number;
}

/**
 * Looks at one ChainCluster and brings the Kubernetes cluster one step closer to it: observe, decide, act, tell. Only
 * the deciding knows rules, and it is pure; a steady cluster costs reads and no write.
 */
export function createReconciler(options: ReconcilerOptions) {
  const { observer, resyncMs } = options;
  return async function reconcile(key: string, stop: AbortSignal): Promise<ReconcileResult> {
    const { namespace, name } = splitKey(key);
    const cached = observer.caches.get('ChainCluster', namespace, name);
    if (cached === undefined) return { is: 'done' };
    const cluster = cached as unknown as ChainCluster;
    const observed = await observe(cluster, observer, stop);
    const decision = decide(observed);
    const failure = await act(options, observed, decision.actions, stop);
    if (isConflict(failure)) throw failure; // the cache was behind: the same again, with newer news
    await tell(options, observed, failure === undefined ? decision : withFailure(decision, failure), stop);
    if (failure !== undefined) throw failure;
    return againAfter(decision, resyncMs);
  };
}

function againAfter({ outcomes }: Decision, resyncMs: number): ReconcileResult {
  const wishes = outcomes.flatMap(({ outcome }) => (outcome.is === 'done' ? [] : [outcome.againMs]));
  return { is: 'again', afterMs: Math.min(resyncMs, ...wishes) };
}

/** Does the actions in order and stops at the first that fails, returning why. */
async function act(
  { observer, events, log }: ReconcilerOptions,
  observed: Observed,
  actions: readonly Action[],
  stop: AbortSignal,
): Promise<Error | undefined> {
  for (const action of actions) {
    try {
      stop.throwIfAborted();
      await actOnce(action);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }
  return undefined;

  async function actOnce(action: Action): Promise<void> {
    const { api, caches } = observer;
    let answer: KubeObject | undefined;
    switch (action.do) {
      case 'apply': {
        const { kind, metadata } = action.object;
        answer = await api.apply(action.object, observed.children.get(childKey(kind, metadata.name)), stop);
        if (answer !== undefined) log.info({ kind, name: metadata.name }, 'Applied');
        break;
      }
      case 'patch':
        answer = await api.patch(action.ref, action.patch, stop);
        log.info({ ...action.ref }, 'Patched');
        break;
      case 'delete':
        answer = await api.delete(action.ref, action, stop);
        log.info({ ...action.ref, propagation: action.propagation }, 'Deleted');
        break;
      case 'event':
        events.record(observed.cluster as unknown as KubeObject, action.event);
        break;
      default:
        action satisfies never;
    }
    if (answer !== undefined) caches.accept(answer);
  }
}

/** Writes the status, if it changed, and the events of what changed in it. */
async function tell(
  { observer, events }: ReconcilerOptions,
  observed: Observed,
  decision: Decision,
  stop: AbortSignal,
): Promise<void> {
  const { cluster } = observed;
  const gone =
    cluster.metadata.deletionTimestamp !== undefined && decision.outcomes[0]?.outcome.is === 'done';
  if (gone) return;
  const status = buildStatus(observed, decision);
  const live = cluster as unknown as KubeObject & { status?: unknown };
  const answer = await observer.api.applyStatus({ ...live, status }, live, stop);
  if (answer === undefined) return;
  observer.caches.accept(answer);
  for (const event of transitions(cluster.status, status)) events.record(live, event satisfies EventInit);
}

/** The resource itself says why the operator cannot go on, instead of only its log. */
function withFailure(decision: Decision, failure: Error): Decision {
  const reason = 'ReconcileFailed';
  const permanent = failure instanceof ApiError && failure.code >= 400 && failure.code < 500;
  const advice = permanent
    ? ' The API server refuses it; correct the resource or the permissions of the operator.'
    : '';
  const message = `${failure instanceof TerminalError ? '' : 'Trying again: '}${failure.message}.${advice}`;
  return {
    actions: [],
    outcomes: [{ step: 'act', outcome: blocked(reason, message) }, ...decision.outcomes],
  };
}
