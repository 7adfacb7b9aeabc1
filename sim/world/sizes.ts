/** About how many bytes a message takes on a link: what decides how long it travels, and whether a frame can hold it. */
import type { Message, ReplicaReport } from '../../protocol/messages.ts';
import type { Reply, Request } from '../../protocol/requests.ts';
import type { Assignment } from '../../protocol/words.ts';

const smallBytes = 40;
const runBytes = 10;
const memberBytes = 60;
const timeBytes = 12;

export function sizeOf(m: Message): number {
  switch (m.kind) {
    case 'append':
      return smallBytes + sum(m.entries);
    case 'copyChunk':
      return smallBytes + sum(m.values);
    case 'recordAnswer':
      return smallBytes + (m.entry?.length ?? 0);
    case 'compareAnswer':
      return smallBytes + sum(m.summaries);
    case 'sessionsChunk':
      return smallBytes + sum(m.sessions);
    case 'listed':
      return smallBytes + sum(m.values);
    case 'offer':
      return smallBytes + m.runs.length * runBytes;
    case 'ask':
    case 'pass':
      return smallBytes + sizeOfRequest(m.request);
    case 'answer':
    case 'passed':
      return smallBytes + sizeOfReply(m.reply);
    case 'set':
      return smallBytes + sizeOfChains(m.assignments) + sizeOfChains(m.routes);
    case 'routes':
      return smallBytes + sizeOfChains(m.routes.chains) + m.routes.times.length * timeBytes;
    case 'register':
      return smallBytes + sizeOfReports(m.reports);
    case 'holdings':
      return smallBytes + sizeOfChains(m.assignments);
    case 'heartbeat':
      return smallBytes + sizeOfReports(m.reports) + m.unreachable.length * memberBytes;
    case 'agree':
    case 'askRoutes':
    case 'barrier':
    case 'barrierAnswer':
    case 'broken':
    case 'clock':
    case 'commit':
    case 'copyRequest':
    case 'recordRequest':
    case 'compareRequest':
    case 'recordSuspect':
    case 'goodbye':
    case 'grant':
    case 'hello':
    case 'list':
    case 'ready':
    case 'refused':
    case 'registered':
    case 'space':
    case 'sessionsRequest':
    case 'tailAnswer':
    case 'tailQuery':
      return smallBytes;
  }
}

function sum(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const p of parts) bytes += p.length + 4;
  return bytes;
}

const sizeOfRequest = (q: Request): number =>
  smallBytes + q.key.length + (q.op === 'get' ? 0 : q.value.length + q.conditions.length * runBytes);

const sizeOfReply = (r: Reply): number =>
  smallBytes + (r.kind === 'read' ? (r.entry?.length ?? 0) : r.kind === 'failed' ? r.message.length : 0);

function sizeOfChains(chains: readonly Assignment[]): number {
  let bytes = 0;
  for (const c of chains) bytes += smallBytes + c.members.length * memberBytes;
  return bytes;
}

const sizeOfReports = (reports: readonly ReplicaReport[]): number => reports.length * memberBytes;
