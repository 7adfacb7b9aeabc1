/** Runs a cluster until a signal: what `npm start` and `chainctl local up` do. */
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseManifest } from '../manifest/parse.ts';
import { formatRemark } from '../manifest/problem.ts';
import type { ChainCluster } from '../manifest/types.ts';
import { type LocalCluster, startCluster } from './cluster.ts';
import { type Layout, layOut } from './layout.ts';
import { LocalError } from './local-error.ts';
import { type Reporter, terminalReporter } from './report.ts';

export interface ForegroundOptions {
  /** Undefined: the example that comes with the software. */
  readonly file: string | undefined;
  readonly workingFolder: string;
  readonly out: NodeJS.WriteStream;
  readonly warn: (line: string) => void;
}

export interface Loaded {
  readonly cluster: ChainCluster;
  readonly layout: Layout;
  readonly warnings: readonly string[];
}

/**
 * Resolves when the cluster is ready; it then runs until SIGINT, SIGTERM or SIGHUP, after which this process ends.
 * @throws ManifestError, LocalError
 */
export async function runInForeground(options: ForegroundOptions): Promise<void> {
  const { cluster, layout, warnings } = await loadManifest(options);
  for (const warning of warnings) options.warn(warning);
  // A full disk under its log, or a terminal that is gone, must not end what watches over the processes.
  options.out.on('error', () => {});
  const report = terminalReporter(options.out);
  const began = performance.now();
  const { nodes, coordinators } = layout;
  const interrupt = new AbortController();
  const stop = stopOnSignals(interrupt, report);
  report.say(
    `starting ${count(coordinators.length, 'coordinator')} and ${count(nodes.length, 'storage node')} ` +
      `of cluster "${layout.cluster}"`,
  );
  const running = await startCluster({ cluster, layout, report, signal: interrupt.signal });
  stop.of(running);
  for (const line of welcome(running, performance.now() - began, options.workingFolder)) report.say(line);
}

/** @throws ManifestError, LocalError when the file cannot be read */
export async function loadManifest(
  options: Pick<ForegroundOptions, 'file' | 'workingFolder'>,
): Promise<Loaded> {
  const { workingFolder, file = join(import.meta.dirname, '..', 'examples', 'local.yaml') } = options;
  const shown = relative(workingFolder, file) || file;
  const { cluster, warnings } = parseManifest(await readManifest(file, shown), shown);
  return {
    cluster,
    layout: layOut(cluster, shown, workingFolder),
    warnings: warnings.map((warning) => `warning: ${formatRemark(warning)}`),
  };
}

async function readManifest(file: string, shown: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it does not exist' : (error as Error).message;
    throw new LocalError(`${shown} cannot be read: ${why}`);
  }
}

/** The first signal stops in order, a second one at once. */
function stopOnSignals(interrupt: AbortController, report: Reporter) {
  let running: LocalCluster | null = null;
  let stopping = false;
  const end = async (): Promise<void> => {
    interrupt.abort();
    if (running === null) return;
    if (!stopping) report.say('stopping; press Ctrl-C again to kill');
    const again = stopping;
    stopping = true;
    await running.stop();
    if (!again) report.say('stopped; the data is kept');
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      end().then(
        () => running !== null && process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    });
  // A bug: the processes would run on with nobody to watch over them.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
      void end().finally(() => running !== null && process.exit(1));
    });
  return {
    of(cluster: LocalCluster): void {
      running = cluster;
      if (interrupt.signal.aborted) void end();
    },
  };
}

function welcome({ layout, endpoints }: LocalCluster, tookMs: number, workingFolder: string): string[] {
  const { nodes, coordinators, slots, replicationFactor } = layout;
  const ports = [...nodes, ...coordinators].map(
    ({ name, ports: p }) =>
      `  ${name.padEnd(14)} links ${p.link}, gRPC ${p.grpc}, admin http://127.0.0.1:${p.admin}`,
  );
  return [
    `ready after ${(tookMs / 1000).toFixed(1)} s: ${slots} chains of ${replicationFactor} ` +
      `on ${count(nodes.length, 'node')} (${endpoints.join(', ')})`,
    '',
    '  npx chainctl put greeting hello',
    '  npx chainctl get greeting',
    '  npx chainctl topology',
    '',
    ...ports,
    `  data           ${relative(workingFolder, layout.dataDir) || layout.dataDir}`,
    `  logs           ${relative(workingFolder, layout.logDir) || layout.logDir}`,
    '',
    'Ctrl-C stops it; the data is kept for the next start',
  ];
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
