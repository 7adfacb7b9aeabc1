/** The process of a storage node: the only file here that touches arguments, environment, signals and the exit code. */
import { endingOf, exitCodes } from '../process/endings.ts';
import { createLog } from '../process/log.ts';
import type { Log } from '../transport/log.ts';
import { nodeUsage, readNodeSettings } from './config.ts';
import { type RunningNode, startNode } from './start.ts';

if (process.argv.includes('--help')) {
  console.log(nodeUsage);
  process.exit(exitCodes.ok);
}

// Before the pool is first used: LevelDB's writes and cold reads share it with files and names, and none may wait for all
// others (P62).
process.env.UV_THREADPOOL_SIZE ??= '16';

let log: Log | undefined;

function end(error: unknown): never {
  const { code, lines } = endingOf(error);
  for (const line of lines) {
    if (log === undefined) console.error(`node: ${line}`);
    else log('error', 'node.ended', { why: line });
  }
  process.exit(code);
}

process.on('uncaughtException', end);
process.on('unhandledRejection', end);

try {
  const settings = await readNodeSettings(process.argv.slice(2), process.env);
  log = createLog({ level: settings.cluster.config.logLevel, name: settings.name, role: 'node' });
  stopOnSignals(await startNode(settings, { log, onFatal: end, processFigures: true }));
} catch (error) {
  end(error);
}

/**
 * SIGTERM leaves the chains and ends; a second signal ends without waiting for them. SIGINT is for a whole cluster that
 * stops: nobody is left to take over, so the node keeps its places and ends at once.
 */
function stopOnSignals(running: RunningNode): void {
  const hurry = new AbortController();
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) return hurry.abort();
      stopping = true;
      if (signal === 'SIGINT') hurry.abort();
      log?.('info', 'node.stopping', { signal });
      running.stop(hurry.signal).then(() => process.exit(exitCodes.ok), end);
    });
}
