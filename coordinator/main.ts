/** The process of a coordinator: the only file here that touches arguments, environment, signals and the exit code. */
import { watchConfig } from '../process/config-watch.ts';
import { endingOf, exitCodes } from '../process/endings.ts';
import { createLog } from '../process/log.ts';
import type { Log } from '../transport/log.ts';
import { coordinatorUsage, desiredOf, readCoordinatorSettings } from './config.ts';
import { type RunningCoordinator, startCoordinator } from './start.ts';
import { openStateStore } from './state-store/open.ts';

if (process.argv.includes('--help')) {
  console.log(coordinatorUsage);
  process.exit(exitCodes.ok);
}

let log: Log | undefined;

function end(error: unknown): never {
  const { code, lines } = endingOf(error);
  for (const line of lines) {
    if (log === undefined) console.error(`coordinator: ${line}`);
    else log('error', 'coordinator.ended', { why: line });
  }
  process.exit(code);
}

process.on('uncaughtException', end);
process.on('unhandledRejection', end);

try {
  const settings = await readCoordinatorSettings(process.argv.slice(2), process.env);
  log = createLog({ level: settings.cluster.config.logLevel, name: settings.name, role: 'coordinator' });
  const stateStore = await openStateStore(settings.cluster, process.env);
  const running = await startCoordinator(settings, { log, stateStore, onFatal: end, processFigures: true });
  const stopWatching = watchConfig(settings.file, log, (file) => running.host.want(desiredOf(file)));
  stopOnSignals(running, async () => {
    stopWatching();
    await stateStore.close();
  });
} catch (error) {
  end(error);
}

/** The first signal gives leadership back; a second one ends at once. */
function stopOnSignals(running: RunningCoordinator, after: () => Promise<void>): void {
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) process.exit(exitCodes.failed);
      stopping = true;
      log?.('info', 'coordinator.stopping', { signal });
      running
        .stop()
        .then(after)
        .then(() => process.exit(exitCodes.ok), end);
    });
}
