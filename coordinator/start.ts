/** Puts a coordinator together and takes it apart again. */
import { systemClock } from '../process/clock.ts';
import { noIncarnation } from '../protocol/words.ts';
import { startGrpcServer } from '../transport/grpc.ts';
import { countingLog, type Log } from '../transport/log.ts';
import { startLinkServer } from '../transport/server.ts';
import { startCoordinatorAdmin } from './admin.ts';
import { type CoordinatorSettings, desiredOf } from './config.ts';
import { clusterHandlers } from './grpc.ts';
import { CoordinatorHost, freshClusterId, freshProcessNumber } from './host.ts';
import { createCoordinatorMetrics } from './metrics.ts';
import type { StateStore } from './state-store/state-store.ts';

export interface CoordinatorParts {
  readonly log: Log;
  readonly stateStore: StateStore;
  /** Called when it cannot go on. */
  readonly onFatal: (error: unknown) => void;
  /** Figures of the whole process; only one part of a process may have them. */
  readonly processFigures: boolean;
}

export interface RunningCoordinator {
  readonly host: CoordinatorHost;
  readonly ports: { readonly link: number; readonly grpc: number; readonly admin: number };
  /** Gives leadership back and closes everything; the state store stays the caller's. */
  stop(): Promise<void>;
  /** Ends as a crash would: leadership is not given back. */
  kill(): Promise<void>;
}

/** Resolves when it listens and takes part in elections. @throws ChainError when a port is taken. */
export async function startCoordinator(
  settings: CoordinatorSettings,
  parts: CoordinatorParts,
): Promise<RunningCoordinator> {
  const { cluster, listen, ports } = settings;
  const metrics = createCoordinatorMetrics({ processFigures: parts.processFigures });
  const counted = countingLog(parts.log, metrics.noticed);
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  let host: CoordinatorHost | null = null;
  try {
    const admin = await startCoordinatorAdmin({
      host: listen,
      port: ports.admin,
      registry: metrics.registry,
      coordinator: () => host,
      remoteCommands: settings.remoteCommands,
    });
    closers.push(() => admin.close());
    const running = new CoordinatorHost({
      config: {
        name: settings.name,
        process: freshProcessNumber(),
        address: settings.address,
        objects: parts.stateStore.names,
        newClusterId: cluster.clusterId === '' ? freshClusterId() : cluster.clusterId,
        desired: desiredOf(cluster),
      },
      stateStore: parts.stateStore,
      clock: systemClock,
      log: parts.log,
      metrics,
      onFatal: parts.onFatal,
    });
    host = running;
    closers.push(async () => running.stop());
    metrics.observe(() => running.view());
    const links = await startLinkServer({
      port: ports.link,
      host: listen,
      self: {
        get clusterId() {
          return running.core.clusterId;
        },
        name: settings.name,
        role: 'coordinator',
        incarnation: noIncarnation,
      },
      onConnection: (peer) => running.accept(peer),
      log: counted,
    });
    closers.push(() => links.close());
    const grpc = await startGrpcServer({
      port: ports.grpc,
      host: listen,
      cluster: clusterHandlers(running),
      log: counted,
    });
    grpc.setServing(true);
    closers.push(() => grpc.close(1000));
    parts.log('info', 'coordinator.started', {
      address: settings.address,
      link: links.port,
      grpc: grpc.port,
      admin: admin.port,
    });
    return {
      host: running,
      ports: { link: links.port, grpc: grpc.port, admin: admin.port },
      async stop() {
        await running.resign(2000);
        await closeAll();
      },
      kill() {
        running.stop();
        return closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
