/** Figures of a coordinator, `chain_coordinator_*`. Labels are bounded: no slots, nodes or addresses. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CoordinatorView } from '../protocol/coordinator/contract.ts';

export interface CoordinatorMetrics {
  readonly registry: Registry;
  /** Asked at each scrape. */
  observe(view: () => CoordinatorView): void;
  heard(kind: string): void;
  noticed(name: string): void;
  stored(op: string, object: string, outcome: string, seconds: number): void;
}

const storeBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const nodeStates = ['healthy', 'suspect', 'dead', 'flapping', 'failed', 'left'] as const;

export function createCoordinatorMetrics({
  processFigures,
}: {
  processFigures: boolean;
}): CoordinatorMetrics {
  const registry = new Registry();
  const registers = [registry];
  if (processFigures) collectDefaultMetrics({ register: registry });
  const messages = new Counter({
    name: 'chain_coordinator_messages_total',
    help: 'Messages of storage nodes, by kind.',
    labelNames: ['kind'],
    registers,
  });
  const events = new Counter({
    name: 'chain_coordinator_events_total',
    help: 'Named events, as in the log.',
    labelNames: ['event'],
    registers,
  });
  const calls = new Histogram({
    name: 'chain_coordinator_state_store_seconds',
    help: 'Calls of the state store.',
    labelNames: ['op', 'object', 'outcome'],
    buckets: storeBuckets,
    registers,
  });
  return {
    registry,
    observe: (view) => addViewFigures(registry, view),
    heard: (kind) => messages.inc({ kind }),
    noticed: (event) => events.inc({ event }),
    stored: (op, object, outcome, seconds) => calls.observe({ op, object, outcome }, seconds),
  };
}

function addViewFigures(registry: Registry, view: () => CoordinatorView): void {
  const gauge = (name: string, help: string, value: (v: CoordinatorView) => number): void => {
    new Gauge({
      name: `chain_coordinator_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value(view()));
      },
    });
  };
  gauge('leading', '1 while this coordinator leads.', (v) => (v.leading ? 1 : 0));
  gauge(
    'state_lost',
    '1 while this coordinator could lead but misses the state, and waits for recover.',
    (v) => (v.trouble?.reason === 'StateLost' ? 1 : 0),
  );
  gauge('epoch', 'Coordinator epoch of the state that it leads with; 0 while it does not.', (v) => v.epoch);
  gauge('revision', 'Revision of the saved state.', (v) => v.revision);
  gauge('chains', 'Chains of the cluster, as this leader knows them.', (v) => v.chains.length);
  gauge(
    'chains_full',
    'Chains with all the serving members that the manifest wants.',
    (v) => v.chains.filter((c) => c.full).length,
  );
  gauge(
    'chains_unavailable',
    'Chains without a serving member.',
    (v) => v.chains.filter((c) => !c.members.some((m) => m.state === 'serving')).length,
  );
  gauge(
    'chains_single',
    'Chains with exactly one serving member.',
    (v) => v.chains.filter((c) => c.members.filter((m) => m.state === 'serving').length === 1).length,
  );
  gauge(
    'joins',
    'Replicas that are being built.',
    (v) => v.chains.filter((c) => c.members.some((m) => m.role === 'joiner')).length,
  );
  new Gauge({
    name: 'chain_coordinator_nodes',
    help: 'Storage nodes by status.',
    labelNames: ['status'],
    registers: [registry],
    collect() {
      const { nodes } = view();
      for (const status of nodeStates) this.set({ status }, nodes.filter((n) => n.status === status).length);
    },
  });
}
