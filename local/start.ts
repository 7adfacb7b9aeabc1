/**
 * Runs a ChainCluster on this machine until Ctrl-C: `npm start [-- MANIFEST]`. The only file here that touches
 * arguments, signals and the exit code.
 */
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseManifest } from '../manifest/parse.ts';
import { formatRemark, ManifestError } from '../manifest/problem.ts';
import { type LocalCluster, startCluster } from './cluster.ts';
import { layOut } from './layout.ts';
import { LocalError } from './local-error.ts';
import { terminalReporter } from './report.ts';

const usage = `Usage: npm start [-- MANIFEST]

Runs the ChainCluster of a manifest as processes on this machine, until Ctrl-C. Data stays for the next start.

  MANIFEST   a YAML or JSON file with one ChainCluster   [examples/local.yaml]`;

const report = terminalReporter(process.stdout);

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof ManifestError || error instanceof LocalError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return console.log(usage);
  const [file = join(import.meta.dirname, '..', 'examples', 'local.yaml'), ...more] = args;
  if (more.length > 0 || file.startsWith('-'))
    throw new LocalError(`${usage}\n\nnot understood: ${args.join(' ')}`);
  const shown = relative(process.cwd(), file) || file;
  const { cluster, warnings } = parseManifest(await readManifest(file, shown), shown);
  for (const warning of warnings) console.error(`warning: ${formatRemark(warning)}`);

  const began = performance.now();
  const layout = layOut(cluster, shown, process.cwd());
  const { nodes, coordinators } = layout;
  const interrupt = new AbortController();
  const stop = stopOnSignals(interrupt);
  report.say(
    `starting ${count(coordinators.length, 'coordinator')} and ${count(nodes.length, 'storage node')} of cluster "${layout.cluster}"`,
  );
  const running = await startCluster({ cluster, layout, report, signal: interrupt.signal });
  stop.of(running);
  for (const line of welcome(running, performance.now() - began)) report.say(line);
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
function stopOnSignals(interrupt: AbortController) {
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
  return {
    of(cluster: LocalCluster): void {
      running = cluster;
      if (interrupt.signal.aborted) void end();
    },
  };
}

function welcome({ layout, endpoints }: LocalCluster, tookMs: number): string[] {
  const { nodes, coordinators, slots, replicationFactor } = layout;
  const ports = [...nodes, ...coordinators].map(
    ({ name, ports: p }) =>
      `  ${name.padEnd(14)} links ${p.link}, gRPC ${p.grpc}, admin http://127.0.0.1:${p.admin}`,
  );
  return [
    `ready after ${(tookMs / 1000).toFixed(1)} s: ${slots} chains of ${replicationFactor} on ${count(nodes.length, 'node')} (${endpoints.join(', ')})`,
    '',
    '  npx chainctl put greeting hello',
    '  npx chainctl get greeting',
    '  npx chainctl topology',
    '',
    ...ports,
    `  data           ${relative(process.cwd(), layout.dataDir) || layout.dataDir}`,
    `  logs           ${relative(process.cwd(), layout.logDir) || layout.logDir}`,
    '',
    'Ctrl-C stops it; the data is kept for the next start',
  ];
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
