/** The admin server of a storage node: health, metrics, and what its replicas are. */
import type { Registry } from 'prom-client';
import { type AdminServer, startAdmin } from '../process/admin.ts';
import { canRead } from '../protocol/replica/reading.ts';
import { placeOf } from './gauges.ts';
import type { NodeHost } from './host.ts';
import { Readiness } from './readiness.ts';

export interface NodeAdminOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** null = it has not begun yet. */
  readonly node: () => NodeHost | null;
}

/** A write that takes longer means that the disk hangs. */
const hungWriteMs = 60_000;
const starting = 'the node is opening its store';

export function startNodeAdmin({ host, port, registry, node }: NodeAdminOptions): Promise<AdminServer> {
  const readiness = new Readiness();
  return startAdmin({
    host,
    port,
    registry,
    live: () => liveness(node()),
    ready: () => readiness.look(reasonNotReady(node())),
    state: () => {
      const running = node();
      return running === null ? { waiting: starting } : nodeState(running);
    },
  });
}

/** The event loop and the disk, nothing else: a restart heals neither peers nor coordinators. */
function liveness(node: NodeHost | null): string {
  if (node === null) return '';
  const { state, reason, writes } = node.store.stats();
  if (state === 'failed') return `the store failed: ${reason}`;
  return writes.pendingMs > hungWriteMs ? `a write has taken ${Math.round(writes.pendingMs / 1000)} s` : '';
}

function reasonNotReady(node: NodeHost | null): string {
  if (node === null) return starting;
  if (node.stopped) return 'the node has stopped';
  const { control } = node.core.state;
  if (control.failed !== '') return `the store failed: ${control.failed}`;
  if (control.leaving) return 'the node is leaving its chains';
  if (node.core.admitted) return '';
  return control.registered
    ? 'its chains are not complete with it yet'
    : `it is not registered; it asks ${node.core.coordinator}`;
}

/** What `/state` shows. Positions are `version:sequence`. */
function nodeState(node: NodeHost) {
  const { core } = node;
  const { control, config } = core.state;
  return {
    node: config.name,
    store: core.state.store,
    clusterId: control.clusterId,
    incarnation: control.incarnation,
    epoch: control.epoch,
    coordinator: core.coordinator,
    registered: control.registered,
    admitted: core.admitted,
    leaving: control.leaving,
    left: control.left,
    failed: control.failed,
    space: node.space.level,
    waiting: node.waiting,
    links: node.links.counts,
    place: config.place,
    replicas: [...core.state.replicas.values()]
      .sort((a, b) => a.slot - b.slot)
      .map((r) => ({
        slot: r.slot,
        version: r.assignment?.version ?? r.highest,
        role: placeOf(r),
        serving: r.role === 'member' && canRead(r),
        complete: r.complete,
        start: r.log.start.seq,
        disk: r.disk,
        end: r.log.end.seq,
        commit: r.commit,
        lost: r.lost,
      })),
  };
}
