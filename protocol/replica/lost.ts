/** Why a replica may not be a member any more: what it lacks, or does not know. */
import { positionIn } from '../entry.ts';
import type { NodeName } from '../words.ts';
import { abandonRepairs } from './repair.ts';
import type { Context, Replica } from './state.ts';
import { abandonAll } from './waiters.ts';

/** This replica may not be a member: it stops at once and says so; the coordinator leaves it out (R15). */
export function markLost(r: Replica, ctx: Context, why: string): void {
  ctx.notice('error', 'replica.lost', { slot: r.slot, version: r.assignment?.version, why });
  r.lost = why;
  r.unproven = false;
  r.role = 'none';
  r.index = -1;
  r.shaken = false;
  r.readable = false;
  r.answering = false;
  r.down = null;
  r.up = null;
  abandonAll(r, ctx);
  abandonRepairs(r, ctx);
  ctx.report(r);
}

/**
 * An entry of a newer release: asking for it again would bring it again. This replica is left out, and stays out until its
 * process is of a release that knows it.
 */
export function refuseNewer(r: Replica, ctx: Context, from: NodeName, bytes: Uint8Array): void {
  const { version, seq } = positionIn(bytes);
  r.tooOld = `${from} sent entry ${version}:${seq} of a kind that this release does not know; run the release of ${from} on ${ctx.name} too`;
  markLost(r, ctx, r.tooOld);
}
