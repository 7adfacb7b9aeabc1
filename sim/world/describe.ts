/** Messages, batches and replies in the words of the protocol, one short line each, for traces. */
import { readEntry } from '../../protocol/entry.ts';
import type { Message } from '../../protocol/messages.ts';
import type { Batch, PersistItem } from '../../protocol/persist.ts';
import type { Reply, Request } from '../../protocol/requests.ts';
import { type Assignment, formatIncarnation, formatPosition } from '../../protocol/words.ts';

export function describeMessage(m: Message): string {
  switch (m.kind) {
    case 'offer':
      return `${head(m)} #${m.session} log ${formatPosition(m.start)}..${formatPosition(m.end)} commit ${formatPosition(m.commit)}`;
    case 'append':
      return `${head(m)} #${m.session} [${m.entries.map(describeEntry).join(', ')}] end ${formatPosition(m.end)} durable ${formatPosition(m.durable)} commit ${formatPosition(m.commit)}`;
    case 'agree':
      return `${head(m)} #${m.session} common ${formatPosition(m.common)}${m.snapshot ? ' snapshot' : ''} promised ${formatPosition(m.promised)}`;
    case 'commit':
      return `${head(m)} #${m.session} commit ${formatPosition(m.commit)} durable ${formatPosition(m.durable)}${m.copied ? ' copied' : ''}`;
    case 'copyChunk':
      return `${head(m)} after ${m.after} next ${m.next} at ${formatPosition(m.at)} ${m.values.length} values${m.damaged.length > 0 ? ` damaged ${m.damaged.join(',')}` : ''}`;
    case 'recordRequest':
      return `${head(m)} #${m.round} of ${m.key} at least ${m.atLeast}`;
    case 'recordAnswer':
      return `${head(m)} #${m.round} of ${m.key} ${m.state} ${m.entry === null ? '' : describeEntry(m.entry)} at ${formatPosition(m.at)}`;
    case 'compareAnswer':
      return `${head(m)} #${m.round} ${m.state} next ${m.next} at ${formatPosition(m.at)} ${m.summaries.length} records digest ${m.digest}${m.damaged.length > 0 ? ` damaged ${m.damaged.join(',')}` : ''}`;
    case 'sessionsChunk':
      return `${head(m)} after ${m.after} next ${m.next} at ${formatPosition(m.at)} ${m.sessions.length} sessions`;
    case 'ask':
      return `ask #${m.id} ${describeRequest(m.request)}`;
    case 'answer':
      return `answer #${m.id} ${describeReply(m.reply)}`;
    case 'pass':
      return `pass #${m.id} ${describeRequest(m.request)}`;
    case 'passed':
      return `passed #${m.id} ${describeReply(m.reply)}`;
    case 'set':
      return `set ${m.epoch}/${m.revision} to ${formatIncarnation(m.incarnation)}: ${m.assignments.map(describeAssignment).join(' ')}`;
    case 'heartbeat':
      return `heartbeat ${m.beat} of ${formatIncarnation(m.incarnation)} holds ${m.epoch}/${m.revision} reports ${m.reports.map((r) => `s${r.slot}v${r.version} ${r.state} ${formatPosition(r.commit)}${r.insync ? ` insync ${formatIncarnation(r.insync)}` : ''}`).join(', ')}${m.leaving ? ' leaving' : ''}${m.space === 'ok' ? '' : ` disk ${m.space}`}${m.failed ? ` failed: ${m.failed}` : ''}`;
    case 'grant':
      return `grant of epoch ${m.epoch} for beat ${m.beat}: ${m.leaseMs} ms${m.denied.length > 0 ? ` denied ${m.denied.join(',')}` : ''}${m.admitted ? ' admitted' : ''}${m.left ? ' left' : ''}`;
    case 'ready':
    case 'broken':
    case 'tailQuery':
    case 'tailAnswer':
    case 'barrier':
    case 'barrierAnswer':
    case 'copyRequest':
    case 'sessionsRequest':
    case 'compareRequest':
    case 'recordSuspect':
    case 'clock':
    case 'space':
    case 'register':
    case 'holdings':
    case 'registered':
    case 'refused':
    case 'goodbye':
    case 'askRoutes':
    case 'routes':
    case 'list':
    case 'listed':
    case 'hello':
      return JSON.stringify(m, (_, v: unknown) =>
        typeof v === 'bigint' ? `${v}` : v instanceof Uint8Array ? `${v.length} B` : v,
      );
  }
}

const head = (m: { kind: string; slot: number; version: number }): string =>
  `${m.kind} s${m.slot} v${m.version}`;

export function describeEntry(bytes: Uint8Array): string {
  const e = readEntry(bytes);
  return e === null ? 'damaged' : `${formatPosition(e)} ${e.kind} ${e.key} by ${e.client}/${e.number}`;
}

export function describeAssignment(a: Assignment): string {
  const members = a.members.map((m) => `${m.node}@${formatIncarnation(m.incarnation)}`).join(' ');
  const joiner = a.joiner === null ? '' : ` + ${a.joiner.node}@${formatIncarnation(a.joiner.incarnation)}`;
  return `s${a.slot}v${a.version}[${members}${joiner}]${a.drop ? ' drop' : ''}`;
}

export function describeRequest(q: Request): string {
  if (q.op === 'get')
    return `get ${q.key} ${q.level}${q.token === null ? '' : ` from ${formatPosition(q.token)}`}`;
  const what =
    q.op === 'put' ? ` = ${new TextDecoder().decode(q.value)}` : q.op === 'add' ? ` + ${q.delta}` : '';
  const conditions = q.conditions.map((c) => ` if ${c.field} ${c.operator} ${c.value}`).join('');
  return `${q.op} ${q.key}${what}${conditions} by ${q.client}/${q.number}${q.retry ? ' again' : ''}`;
}

export function describeReply(r: Reply): string {
  if (r.kind === 'failed') return `${r.code} (${r.outcome}) ${r.message}`;
  if (r.kind === 'written') return `written at ${formatPosition(r.position)}`;
  return r.entry === null
    ? `absent at ${formatPosition(r.at)}`
    : `${describeEntry(r.entry)} at ${formatPosition(r.at)}`;
}

export const describeBatch = (b: Batch): string => `batch ${b.id}: ${b.items.map(describeItem).join('; ')}`;

function describeItem(item: PersistItem): string {
  switch (item.kind) {
    case 'append':
    case 'apply':
      return `${item.kind} s${item.slot} ${item.entries.map((e) => formatPosition(e)).join(' ')}`;
    case 'repair':
      return `repair s${item.slot} ${item.records.map(({ key, record }) => `${key} ${record === null ? 'absent' : record === 'damaged' ? record : formatPosition(record)}`).join(' ')}`;
    case 'drop':
      return `drop s${item.slot} to ${item.to}`;
    case 'marks':
      return `marks s${item.slot} commit ${formatPosition(item.commit)} passed ${formatPosition(item.passed)} promised ${formatPosition(item.promised)}${item.complete ? '' : ' incomplete'}`;
    case 'sessions':
      return `sessions s${item.slot} of ${item.put.map((s) => s.client).join(' ')} gone ${item.gone.join(' ')} forgotten ${item.forgotten.last}`;
    case 'assignment':
      return `assignment ${describeAssignment(item.assignment)}`;
    case 'erase':
    case 'trim':
      return `${item.kind} s${item.slot} ${formatPosition(item.start)}`;
    case 'identity':
      return `identity epoch ${item.epoch} incarnation ${formatIncarnation(item.incarnation)}`;
  }
}
