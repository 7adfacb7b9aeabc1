/** Puts a storage node together and takes it apart again. */
import { randomBytes } from 'node:crypto';
import { joinAddress } from '../process/addresses.ts';
import { systemClock } from '../process/clock.ts';
import { StartAgain, StartError } from '../process/endings.ts';
import { ChainError } from '../protocol/errors.ts';
import { limits } from '../protocol/limits.ts';
import { type ClientId, noIncarnation } from '../protocol/words.ts';
import { type GrpcServer, startGrpcServer } from '../transport/grpc.ts';
import { countingLog, type Log } from '../transport/log.ts';
import { startLinkServer } from '../transport/server.ts';
import { startNodeAdmin } from './admin.ts';
import { createClusterProxy } from './cluster-proxy.ts';
import type { NodeSettings } from './config.ts';
import { observeNode } from './gauges.ts';
import { keyValueHandlers } from './grpc.ts';
import { NodeHost } from './host.ts';
import { nodeLimits } from './limits.ts';
import { createNodeMetrics } from './metrics.ts';
import { leaveChains } from './shutdown.ts';
import { setAside, wasSetAside, whySetAside } from './store/aside.ts';
import { createStore } from './store/identity.ts';
import { openStore } from './store/open.ts';
import { isForWantOfRoom, watchSpace } from './store/space.ts';
import { type Opened, type Store, StoreError } from './store/store.ts';

export interface NodeParts {
  readonly log: Log;
  /** Called when it cannot go on. */
  readonly onFatal: (error: unknown) => void;
  /** Figures of the whole process; only one part of a process may have them. */
  readonly processFigures: boolean;
  /** Stands between the node and its store: for tests that make it slow. */
  readonly wrapStore?: (store: Store) => Store;
}

export interface RunningNode {
  readonly host: NodeHost;
  readonly ports: { readonly link: number; readonly grpc: number; readonly admin: number };
  /**
   * Leaves all chains, says goodbye and closes. Resolves to false when it could not leave in time, so that its chains
   * notice its absence as they notice a death. `hurry` ends the waiting.
   */
  stop(hurry?: AbortSignal): Promise<boolean>;
  /** Ends as a crash would: nobody is told. */
  kill(): Promise<void>;
}

/** Resolves when it listens and registers. @throws ChainError, StartError, StoreError in one sentence. */
export async function startNode(settings: NodeSettings, parts: NodeParts): Promise<RunningNode> {
  const closers: (() => Promise<void> | void)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await assemble(settings, parts, closers, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function assemble(
  settings: NodeSettings,
  parts: NodeParts,
  closers: (() => Promise<void> | void)[],
  closeAll: () => Promise<void>,
): Promise<RunningNode> {
  const { cluster, listen, name } = settings;
  const { log, onFatal, processFigures } = parts;
  const metrics = createNodeMetrics({ processFigures });
  const counted = countingLog(log, metrics.noticed);
  let host: NodeHost | null = null;
  const hostNow = (): NodeHost => {
    if (host === null || host.stopped)
      throw new ChainError('NOT_READY', `${name} is starting or stopping; ask another node`);
    return host;
  };
  const self = {
    get clusterId() {
      return host?.self.clusterId ?? '';
    },
    get servedClusterId() {
      return host?.core.servedClusterId ?? '';
    },
    name,
    role: 'node' as const,
    get incarnation() {
      return host?.core.incarnation ?? noIncarnation;
    },
  };
  const admin = await startNodeAdmin({
    host: listen,
    port: settings.ports.admin,
    registry: metrics.registry,
    node: () => host,
    aside: () => whySetAside(settings.data),
  });
  closers.push(() => admin.close());
  // Before anybody may connect: a large store takes its time, and a peer that is turned away tries again and again.
  // No closure below may hold what was opened: its boot is the whole retained log.
  const opened = await openOrCreate(settings, log);
  const store = parts.wrapStore?.(opened.store) ?? opened.store;
  closers.push(() => store.close());
  const links = await startLinkServer({
    port: settings.ports.link,
    host: listen,
    self,
    connections: cluster.limits.clientConnections + nodeLimits.peerConnections,
    log: counted,
    onConnection: (peer) => {
      if (host !== null && !host.stopped) return host.accept(peer);
      peer.close(`${name} is starting or stopping`);
      return { onMessages() {}, onClose() {} };
    },
  });
  closers.push(() => links.close());
  const proxy = createClusterProxy(hostNow);
  closers.push(() => proxy.close());
  const grpc = await startGrpcServer({
    port: settings.ports.grpc,
    host: listen,
    keyValue: keyValueHandlers(hostNow),
    cluster: proxy.handlers,
    log: counted,
  });
  closers.push(() => grpc.close(2000));
  const ports = { link: links.port, grpc: grpc.port, admin: admin.port };
  const running = new NodeHost({
    config: {
      name,
      clusterId: cluster.clusterId,
      place: {
        address: joinAddress(settings.advertise, settings.advertisePort || ports.link),
        grpc: joinAddress(settings.advertise, ports.grpc),
        admin: joinAddress(settings.advertise, ports.admin),
        zone: settings.zone,
        host: settings.host,
        weight: settings.weight,
      },
      slots: cluster.slots,
      timings: cluster.timings,
      coordinators: cluster.coordinators,
      ownClient: randomClient(),
      lockProof: opened.lockProof,
      scrub: cluster.scrub,
      limits: { ...limits, keyBytes: cluster.limits.keyBytes, valueBytes: cluster.limits.valueBytes },
    },
    cluster,
    store,
    boot: opened.boot,
    clock: systemClock,
    log,
    metrics,
    onFatal,
  });
  host = running;
  observeNode(metrics.registry, running);
  closers.push(
    () => running.stop(),
    followReadiness(running, grpc),
    followSpace(running, settings.data, parts),
  );
  log('info', 'node.started', { store: opened.boot.store, ...ports });
  return {
    host: running,
    ports,
    async stop(hurry = new AbortController().signal) {
      const left = await leaveChains(running, { leaveMs: settings.leaveMs, log, hurry });
      await closeAll();
      return left;
    },
    async kill() {
      await running.stop();
      await closeAll();
    },
  };
}

async function openOrCreate({ cluster, data, init, lockWaitMs }: NodeSettings, log: Log): Promise<Opened> {
  const open = (): Promise<Opened> =>
    openStore({
      folder: data,
      clusterName: cluster.cluster,
      durability: cluster.durability,
      lockWaitMs,
      retention: {
        bytes: cluster.config.logRetentionMiB * 1_048_576,
        ageMs: cluster.config.logRetentionSeconds * 1000,
      },
    });
  const opened = await open().catch(async (error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === 'STORE_CORRUPT') {
      // What it promised is gone; its chains hold it elsewhere. Members know it by its store id, so it is no member now.
      const aside = await setAside(data, error);
      log('error', 'store.set-aside', { folder: data, aside, why: error.message });
      const { storeId } = await createStore(data, cluster.cluster);
      log('warn', 'store.created', { folder: data, store: storeId });
      return open();
    }
    if (error.code !== 'NO_STORE') throw error;
    if (!init && !(await wasSetAside(data)))
      throw new StartError(
        `${data} holds no store. If this node is meant to begin blank, start it with --init; if it held data before, mount that folder`,
      );
    const { storeId } = await createStore(data, cluster.cluster);
    log('info', 'store.created', { folder: data, store: storeId });
    return open();
  });
  const { records, entries, ms, droppedBytes, uncheckedBytes, hole } = opened.recovery;
  log(droppedBytes > 0 || hole !== null ? 'warn' : 'info', 'store.opened', {
    folder: data,
    records,
    entries,
    ms: Math.round(ms),
    droppedBytes,
    uncheckedBytes,
    hole,
  });
  const { clusterId } = opened.boot.identity;
  // Only the coordinators' state says whose nodes these are: a resource that was made anew has another id than its data.
  if (clusterId !== '' && cluster.clusterId !== '' && clusterId !== cluster.clusterId)
    log('warn', 'store.foreign', {
      folder: data,
      clusterId,
      configured: cluster.clusterId,
      why: 'the store belongs to another cluster than the configuration names; it serves nobody until a coordinator takes it in',
    });
  return opened;
}

/** gRPC's health service says what /readyz says, without its patience. */
function followReadiness(host: NodeHost, grpc: GrpcServer): () => void {
  let serving = false;
  const timer = setInterval(() => {
    const now = host.core.admitted;
    if (now !== serving) grpc.setServing(now);
    serving = now;
  }, 200);
  return () => clearInterval(timer);
}

function followSpace(host: NodeHost, folder: string, { log, onFatal }: NodeParts): () => void {
  const stop = new AbortController();
  void watchSpace({ folder }, stop.signal, (space) => {
    if (space.level !== host.space.level)
      log(space.level === 'ok' ? 'info' : 'warn', 'space.seen', { ...space });
    host.lookedAtDisk(space);
    if (space.level !== 'full' && host.store.state === 'failed')
      endIfRoomHelps(host.store.stats().reason, onFatal);
  });
  return () => stop.abort();
}

/** There is no way back from a failed store but a new start, and before there is room a start fails too. */
function endIfRoomHelps(reason: string, onFatal: (error: unknown) => void): void {
  if (isForWantOfRoom(reason))
    onFatal(
      new StartAgain(
        `the store failed for want of room (${reason}), and there is room again: this process ends, to be started anew`,
      ),
    );
}

/** A session id that nobody else has: 52 random bits, never 0. */
const randomClient = (): ClientId =>
  (randomBytes(6).readUIntBE(0, 6) * 16 + (randomBytes(1)[0] as number & 15) + 1) as ClientId;
