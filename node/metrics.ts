/** Figures of a storage node, `chain_node_*`. Labels are bounded: no keys, slots, peers or addresses. */
import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { Durations, registerDurations } from '../process/durations.ts';
import type { PeerMessage } from '../protocol/messages.ts';
import type { Batch } from '../protocol/persist.ts';
import type { Reply, Request } from '../protocol/requests.ts';

export interface NodeMetrics {
  readonly registry: Registry;
  answered(op: Request['op'], reply: Reply, ms: number): void;
  sent(messages: readonly PeerMessage[]): void;
  noticed(name: string): void;
  wrote(batch: Batch, ms: number): void;
}

const batchBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/** `processFigures`: heap, event loop and so on of the whole process, which only one part of it may show. */
export function createNodeMetrics({ processFigures }: { processFigures: boolean }): NodeMetrics {
  const registry = new Registry();
  if (processFigures) collectDefaultMetrics({ register: registry });
  const requests = new Map<string, Map<string, number>>();
  const latencies = new Map<string, Durations>();
  const messages = new Map<string, number>();
  const batches = new Durations(batchBounds);
  const writes = new Durations();
  const events = new Counter({
    name: 'chain_node_events_total',
    help: 'Named events, as in the log.',
    labelNames: ['event'],
    registers: [registry],
  });
  registerDurations(
    registry,
    { name: 'chain_node_request_seconds', help: 'From the arrival of a request at this node to its answer.' },
    () => Array.from(latencies, ([op, durations]) => ({ labels: { op }, durations })),
  );
  registerDurations(
    registry,
    { name: 'chain_node_batch_entries', help: 'Log entries in one write of the store.', bounds: batchBounds },
    () => [{ labels: {}, durations: batches }],
  );
  registerDurations(
    registry,
    { name: 'chain_node_write_seconds', help: 'Writes of the store, until durable as configured.' },
    () => [{ labels: {}, durations: writes }],
  );
  tally(
    registry,
    'chain_node_requests_total',
    'Answered requests by operation and code.',
    ['op', 'code'],
    () =>
      Array.from(requests, ([op, codes]) =>
        Array.from(codes, ([code, n]) => [{ op, code }, n] as const),
      ).flat(),
  );
  tally(registry, 'chain_node_messages_total', 'Messages sent to peers, by kind.', ['kind'], () =>
    Array.from(messages, ([kind, n]) => [{ kind }, n] as const),
  );
  return {
    registry,
    answered(op, reply, ms) {
      const code = reply.kind === 'failed' ? reply.code : 'OK';
      const codes = entryOf(requests, op, () => new Map<string, number>());
      codes.set(code, (codes.get(code) ?? 0) + 1);
      entryOf(latencies, op, () => new Durations()).observe(ms / 1000);
    },
    sent(sent) {
      for (const { kind } of sent) messages.set(kind, (messages.get(kind) ?? 0) + 1);
    },
    noticed: (event) => events.inc({ event }),
    wrote(batch, ms) {
      let entries = 0;
      for (const item of batch.items) if (item.kind === 'append') entries += item.entries.length;
      batches.observe(entries);
      writes.observe(ms / 1000);
    },
  };
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** A counter that is counted elsewhere. */
function tally<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: L[],
  read: () => (readonly [Record<L, string>, number])[],
): void {
  new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of read()) this.inc(labels, value);
    },
  });
}
