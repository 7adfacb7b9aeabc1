/**
 * What a replica keeps in memory although its effect is on disk is bounded (R42): reads that are under way may hold it, and
 * nobody who is slow may.
 */
import { limits } from '../../protocol/limits.ts';
import { inspect } from '../../protocol/node/inspect.ts';
import type { Replica } from '../../protocol/replica/state.ts';
import type { NodeHost } from '../world/node-host.ts';

export function memoryHeld(host: NodeHost, r: Replica): string {
  const { logMemoryBytes: most } = inspect(host.core).config.limits ?? limits;
  if (r.log.heldBytes <= most) return '';
  let bytes = 0;
  for (let i = r.log.head; i < r.log.items.length; i++) {
    const entry = r.log.items[i]?.entry;
    if (entry === undefined || entry.seq > r.appliedDisk) break;
    bytes += entry.bytes.length;
  }
  if (bytes <= most) return '';
  return `${host.name} holds ${bytes} bytes of entries that are applied on disk, at most ${most} are allowed`;
}
