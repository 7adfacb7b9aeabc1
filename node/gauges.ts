/** What a storage node shows of its state at each scrape. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { NodeView, ReplicaView } from '../protocol/node/contract.ts';
import { processBudgets } from '../transport/budgets.ts';
import type { NodeHost } from './host.ts';

export function observeNode(registry: Registry, host: NodeHost): void {
  const { core, store } = host;
  const view = lately<NodeView>(() => core.view());
  const replicas = (): readonly ReplicaView[] => view().replicas;
  const { gauge, counter } = figuresOf(registry);
  gauge('admitted', '1 while the coordinator takes this node for a full member of all its chains.', () =>
    core.admitted ? 1 : 0,
  );
  counter('scrub_records_total', 'Records that the scrub has read.', () => view().scrub.records);
  counter('scrub_damaged_total', 'Records that the scrub found damaged.', () => view().scrub.damaged);
  counter(
    'scrub_compared_total',
    'Records that the scrub compared with another member.',
    () => view().scrub.compared,
  );
  counter(
    'scrub_differing_total',
    'Keys under which the scrub found other things at another member.',
    () => view().scrub.differing,
  );
  counter('scrub_skipped_total', 'Pages that the scrub could not compare.', () => view().scrub.skipped);
  counter('scrub_repaired_total', 'Damaged records that were repaired.', () => view().scrub.repaired);
  counter(
    'scrub_nowhere_total',
    'How often no member had a copy of a damaged record.',
    () => view().scrub.nowhere,
  );
  gauge('scrub_repairing', 'Damaged records that are being repaired.', () => view().scrub.repairing);
  gauge(
    'scrub_undecided',
    'Keys whose members differ while nothing proves who is right.',
    () => view().scrub.undecided,
  );
  counter('scrub_passes_total', 'Whole passes of the scrub.', () => view().scrub.passes);
  gauge(
    'scrub_last_pass_seconds',
    'When the last whole pass ended, in seconds since 1970; 0 = none since the start.',
    () => view().scrub.lastPassAt / 1000,
  );
  gauge('scrub_slots_left', 'Slots that the present pass has still to read.', () => view().scrub.slotsLeft);
  gauge('epoch', 'Newest coordinator epoch that this node has seen.', () => view().epoch);
  gauge('lease_seconds', 'What is left of the read lease.', () =>
    Math.max(0, (view().leaseUntil - performance.now()) / 1000 || 0),
  );
  gauge('requests_waiting', 'Requests that wait for their answer.', () => host.waiting);
  gauge('requests_waiting_bytes', 'Keys and values of requests that wait.', () => view().waitingBytes);
  gauge('requests_passed', 'Requests that other nodes were asked to answer.', () => view().passed);
  gauge('requests_of_nodes', 'Requests that other nodes passed to this one.', () => view().asked);
  gauge('commit_lag_entries', 'Logged and not yet committed entries, in all chains.', () =>
    replicas().reduce((sum, r) => sum + r.end - r.commit, 0),
  );
  gauge(
    'commit_lag_entries_max',
    'Logged and not yet committed entries of the chain with most of them.',
    () => replicas().reduce((most, r) => Math.max(most, r.end - r.commit), 0),
  );
  gauge('pending_bytes', 'Uncommitted entries that this node holds.', () => view().pendingBytes);
  for (const [who, { out, partial }] of Object.entries(processBudgets)) {
    gauge(`${who}_queued_bytes`, `What waits to leave, over all connections of ${who}s.`, () => out.used);
    gauge(`${who}_partial_bytes`, `Frames of ${who}s of which a part is missing.`, () => partial.used);
  }
  gauge('lists', 'Pages of values that are asked for or read.', () => view().lists);
  gauge('peer_links', 'Links to peers that should be open.', () => host.links.counts.wanted);
  gauge('peer_links_up', 'Links to peers that are open.', () => host.links.counts.up);
  gauge('coordinator_links_up', 'Links to coordinators that are open.', () => host.coordinators.up);
  counter(
    'reads_off_the_loop_total',
    'Values that were read in the thread pool because the data was cold.',
    () => host.reads.counts.offTheLoop,
  );
  counter(
    'reads_on_the_spot_total',
    'Values that were read from LevelDB at once.',
    () => host.reads.counts.onTheSpot,
  );
  counter('reads_from_memory_total', 'Values that were in memory.', () => host.reads.counts.fromMemory);
  gauge('store_failed', '1 once the store failed: this process acknowledges nothing any more.', () =>
    store.state === 'failed' ? 1 : 0,
  );
  gauge('space_free_bytes', 'Room on the disk of the store.', () => host.space.freeBytes);
  gauge('space_size_bytes', 'Size of the disk of the store.', () => host.space.sizeBytes);
  gauge('space_low', '1 while the disk is short of room: chains with this node take deletes only.', () =>
    view().space === 'ok' ? 0 : 1,
  );
  gauge('space_full', '1 while the disk is full: the node leaves every chain that goes on without it.', () =>
    view().out ? 1 : 0,
  );
  gauge('tight_peers', 'Peers that say that their disks are short of room.', () => view().tightPeers);
  observeReplicas(registry, replicas);
  observeStore(registry, host);
}

function observeReplicas(registry: Registry, replicas: () => readonly ReplicaView[]): void {
  new Gauge({
    name: 'chain_node_replicas',
    help: 'Replicas by place in their chain, and whether they answer strong reads.',
    labelNames: ['role', 'serving'],
    registers: [registry],
    collect() {
      this.reset();
      for (const r of replicas()) this.inc({ role: r.role, serving: String(r.serving) });
    },
  });
}

function observeStore(registry: Registry, { store }: NodeHost): void {
  // Asking resets the slowest write.
  const look = lately(() => store.stats());
  const { gauge, counter } = figuresOf(registry);
  gauge('store_log_bytes', 'Retained log.', () => look().log.bytes);
  gauge('store_log_records', 'Records of the retained log.', () => look().log.records);
  gauge(
    'store_write_slowest_seconds',
    'Slowest write since the last scrape.',
    () => look().writes.slowestMs / 1000,
  );
  gauge(
    'store_write_pending_seconds',
    'How long the present write has been under way.',
    () => look().writes.pendingMs / 1000,
  );
  counter('store_written_bytes_total', 'Bytes handed to LevelDB.', () => look().writes.bytes);
  counter('store_corrupt_reads_total', 'Reads that found a damaged value.', () => look().corruptReads);
  gauge(
    'store_table_bytes',
    'Tables of LevelDB.',
    () => look().levels.reduce((sum, l) => sum + l.megabytes, 0) * 1_048_576,
  );
  counter('store_compaction_seconds_total', 'Time that compactions took.', () =>
    look().levels.reduce((sum, l) => sum + l.compactionSeconds, 0),
  );
  gauge(
    'store_level0_files',
    'Tables of level 0: writers slow down at 8 and stop at 12.',
    () => look().levels[0]?.files ?? 0,
  );
}

/** One look a scrape. */
function lately<T>(look: () => T): () => T {
  let at = Number.NEGATIVE_INFINITY;
  let value: T | undefined;
  return () => {
    if (value === undefined || performance.now() - at > 500) {
      at = performance.now();
      value = look();
    }
    return value;
  };
}

/** Makers of figures that are asked at each scrape. */
function figuresOf(registry: Registry) {
  type Maker = (name: string, help: string, value: () => number) => void;
  const options = (name: string, help: string) => ({
    name: `chain_node_${name}`,
    help,
    registers: [registry],
  });
  const gauge: Maker = (name, help, value) => {
    new Gauge({
      ...options(name, help),
      collect() {
        this.set(value());
      },
    });
  };
  const counter: Maker = (name, help, value) => {
    new Counter({
      ...options(name, help),
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  };
  return { gauge, counter };
}
