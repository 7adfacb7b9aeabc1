/** What this node refuses before its core sees it: limits that the manifest sets lower, and writes without room on disk. */

import type { ClusterLimits } from '../process/cluster-file.ts';
import type { NodeCoreContract } from '../protocol/node/contract.ts';
import { inspect } from '../protocol/node/inspect.ts';
import { isHead } from '../protocol/replica/state.ts';
import { failure } from '../protocol/replies.ts';
import type { Failure, Request } from '../protocol/requests.ts';
import { slotOf } from '../protocol/slots.ts';
import type { SpaceLevel } from './store/space.ts';

/** null = nothing is wrong. */
export function edgeFault(
  q: Request,
  limits: ClusterLimits,
  space: SpaceLevel,
  core: NodeCoreContract,
): Failure | null {
  if (q.key.length > limits.keyBytes)
    return failure(
      'KEY_TOO_LONG',
      `the key has ${q.key.length} bytes; this cluster allows at most ${limits.keyBytes}`,
    );
  if (q.op === 'get') return null;
  if (q.value.length > limits.valueBytes)
    return failure(
      'VALUE_TOO_LARGE',
      `the value has ${q.value.length} bytes; this cluster allows at most ${limits.valueBytes}`,
    );
  return space === 'ok' ? null : spaceFault(q, space, core);
}

/** The head refuses for the whole chain. Deletes make room, so they are refused last. */
function spaceFault(q: Request, space: SpaceLevel, core: NodeCoreContract): Failure | null {
  if (q.op === 'delete' && space === 'low') return null;
  const { name, slots } = inspect(core).config;
  const replica = inspect(core).replicas.get(slotOf(q.key, slots));
  if (replica === undefined || !isHead(replica)) return null;
  return failure(
    'OVERLOADED',
    `the disk of ${name} is nearly full, so it takes no writes; delete data or give it a larger volume`,
  );
}
