/**
 * I9: a head that knows of a member whose disk is short of room orders no growth, and nothing at all once it is full
 * (rule 2.12). Looked at over two turns with the same knowledge, for what is heard within a turn has no order to see.
 */

import { inspect } from '../../protocol/node/inspect.ts';
import { itemAt } from '../../protocol/replica/log.ts';
import type { Replica } from '../../protocol/replica/state.ts';
import type { Seq } from '../../protocol/words.ts';
import { formatPosition } from '../../protocol/words.ts';
import type { NodeHost } from '../world/node-host.ts';
import { nameOf } from './ledger.ts';

interface Known {
  readonly installed: number;
  readonly end: Seq;
  /** Levels as the head knows them, by member; what is the same object was not told anew. */
  readonly levels: ReadonlyMap<string, unknown>;
}

/** What a message of a peer is worth: 5 s, as the rule says. */
const heardMs = 5000;

export function createRoomCheck(): (host: NodeHost, r: Replica) => string {
  const known = new Map<number, Map<number, Known>>();
  return (host, r) => {
    const { space, now, config } = inspect(host.core);
    // Who is no head orders nothing, and who knows of no short disk may order anything.
    if (r.index !== 0 || r.role !== 'member' || (space.level === 'ok' && space.peers.size === 0)) {
      known.get(host.process)?.delete(r.slot);
      return '';
    }
    const ofHost = known.get(host.process) ?? new Map<number, Known>();
    known.set(host.process, ofHost);
    const before = ofHost.get(r.slot);
    const levels = new Map<string, unknown>();
    for (const { node } of r.assignment?.members ?? []) {
      const told = node === config.name ? undefined : space.peers.get(node);
      if (told !== undefined && now.mono - told.at <= heardMs) levels.set(node, told);
    }
    if (space.level !== 'ok') levels.set(config.name, space.level);
    ofHost.set(r.slot, { installed: r.installed, end: r.log.end.seq, levels });
    if (before?.installed !== r.installed) return '';
    for (const [node, level] of levels) {
      if (before.levels.get(node) !== level) continue;
      const full = level === 'full' || (level as { level?: string }).level === 'full';
      for (let seq = before.end + 1; seq <= r.log.end.seq; seq++) {
        const entry = itemAt(r.log, seq as Seq)?.entry;
        if (entry === undefined || entry.version !== r.assignment?.version || entry.kind === 'refused')
          continue;
        if (entry.kind !== 'delete' || full)
          return `${host.name} ordered ${formatPosition(entry)} (${nameOf(entry)}) although it knows that the disk of ${node} is ${full ? 'full' : 'low'}`;
      }
    }
    return '';
  };
}
