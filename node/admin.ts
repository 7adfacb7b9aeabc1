/** The admin server of a storage node: health, metrics, and what its replicas are. */
import type { Registry } from 'prom-client';
import { type AdminServer, startAdmin } from '../process/admin.ts';
import type { NodeHost } from './host.ts';
import { Readiness } from './readiness.ts';

export interface NodeAdminOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** null = it has not begun yet. */
  readonly node: () => NodeHost | null;
  /** That its store was set aside, and why; '' = it was not. */
  readonly aside: () => string;
}

/** A write that takes longer means that the disk hangs. */
const hungWriteMs = 60_000;
const starting = 'the node is opening its store';

export function startNodeAdmin({
  host,
  port,
  registry,
  node,
  aside,
}: NodeAdminOptions): Promise<AdminServer> {
  const readiness = new Readiness();
  const notReady = (): string => {
    const reason = reasonNotReady(node());
    return reason === '' ? '' : [reason, aside()].filter((each) => each !== '').join('; ');
  };
  return startAdmin({
    host,
    port,
    registry,
    live: () => liveness(node()),
    ready: () => readiness.look(notReady()),
    state: () => {
      const running = node();
      return running === null
        ? { waiting: starting }
        : { ...nodeState(running), notReady: notReady(), aside: aside() };
    },
    // Reads only, and bounded in its pace: as harmless as anything on this server.
    extend: (server) =>
      server.post('/scrub', (_, reply) => {
        const running = node();
        if (running === null) return reply.code(503).type('text/plain').send(`${starting}\n`);
        running.scrub();
        return reply.code(202).type('text/plain').send('a pass begins; /state shows how far it is\n');
      }),
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
  if (node.waitsForRoom) return 'its disk is full: writes wait until there is room again';
  if (node.core.admitted) return '';
  const { failed, leaving, registered, refusal, foreign } = node.core.view();
  if (failed !== '') return `the store failed: ${failed}`;
  if (foreign !== '') return foreign;
  if (leaving) return 'the node is leaving its chains';
  return registered
    ? 'its chains are not complete with it yet'
    : `it is not registered; it asks ${node.core.coordinator}${refusal === '' ? '' : `, which says: ${refusal}`}`;
}

/** What `/state` shows. */
function nodeState(node: NodeHost) {
  const { replicas, leaseUntil, ...view } = node.core.view();
  return {
    ...view,
    disk: node.space,
    waiting: node.waiting,
    links: node.links.counts,
    place: node.config.place,
    replicas,
  };
}
