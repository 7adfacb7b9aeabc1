/**
 * How a storage node goes: it leaves its chains while it still answers, so that a planned stop costs no request; then it
 * says goodbye and closes.
 */
import type { Log } from '../transport/log.ts';
import type { NodeHost } from './host.ts';

export interface LeaveOptions {
  /** Longest wait for the chains to go on without this node. */
  readonly leaveMs: number;
  readonly log: Log;
  /** Ends the wait at once; when it is aborted already, the node does not leave. */
  readonly hurry: AbortSignal;
}

/** Without any coordinator nobody can let the node go. */
const patienceWithoutCoordinatorMs = 2000;
/** After it left, requests that others passed here are still answered. */
const lastAnswersMs = 2000;
const lookMs = 20;

/** Resolves to true when every chain goes on without this node, or to false: then its leases must run out. Never rejects. */
export async function leaveChains(host: NodeHost, { leaveMs, log, hurry }: LeaveOptions): Promise<boolean> {
  if (hurry.aborted) return false;
  const began = performance.now();
  let heardAt = began;
  host.leave();
  while (!host.core.left) {
    const now = performance.now();
    if (host.coordinators.up > 0) heardAt = now;
    const alone = now - heardAt > patienceWithoutCoordinatorMs;
    if (alone || now - began > leaveMs || hurry.aborted || host.stopped) {
      const why = alone ? 'no coordinator is reachable' : 'its chains did not let it go in time';
      log('warn', 'node.not_left', { why, ms: Math.round(now - began) });
      return false;
    }
    await pause(lookMs);
  }
  const until = performance.now() + lastAnswersMs;
  // One more look: the goodbye leaves with the next turn.
  do await pause(lookMs);
  while (host.waiting > 0 && performance.now() < until && !hurry.aborted);
  return true;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
