/** What a message from another process is to the core of a storage node. */
import type { Ask, AskRoutes, List, Message } from '../../protocol/messages.ts';
import type { NodeEvent } from '../../protocol/node/contract.ts';
import type { Incarnation, NodeName } from '../../protocol/words.ts';

/** @throws Error for what no process may send to a node */
export function eventOf(
  message: Exclude<Message, Ask | AskRoutes | List>,
  from: string,
  incarnation: Incarnation,
): NodeEvent {
  switch (message.kind) {
    case 'registered':
    case 'grant':
    case 'set':
    case 'refused':
    case 'routes':
      return { kind: 'coordinator', from, message };
    case 'offer':
    case 'append':
    case 'ready':
    case 'agree':
    case 'commit':
    case 'broken':
    case 'tailQuery':
    case 'tailAnswer':
    case 'barrier':
    case 'barrierAnswer':
    case 'copyRequest':
    case 'copyChunk':
    case 'recordRequest':
    case 'recordAnswer':
    case 'compareRequest':
    case 'compareAnswer':
    case 'recordSuspect':
    case 'sessionsRequest':
    case 'sessionsChunk':
    case 'pass':
    case 'passed':
    case 'clock':
    case 'space':
      return { kind: 'peer', from: from as NodeName, incarnation, message };
    case 'register':
    case 'holdings':
    case 'heartbeat':
    case 'goodbye':
    case 'answer':
    case 'listed':
    case 'hello':
      throw new Error(`a simulated node is never sent ${message.kind}`);
  }
}
