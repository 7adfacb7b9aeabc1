/** A cluster that runs on after the command that started it: its runner is a process of its own. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRunner } from './folder.ts';
import { loadManifest } from './foreground.ts';
import { LocalError } from './local-error.ts';
import { isAlive } from './process-identity.ts';
import { terminalReporter } from './report.ts';

export interface BackgroundOptions {
  readonly file: string | undefined;
  readonly workingFolder: string;
  readonly out: NodeJS.WriteStream;
}

const lookMs = 100;
/** Longer than a runner takes that kills what does not stop. */
const stopMsMax = 40_000;

/** Resolves when the cluster is ready. @throws ManifestError, LocalError with what the runner said */
export async function startInBackground({ file, workingFolder, out }: BackgroundOptions): Promise<void> {
  const { layout } = await loadManifest({ file, workingFolder });
  const report = terminalReporter(out);
  await mkdir(layout.logDir, { recursive: true });
  const logFile = join(layout.logDir, 'runner.log');
  const log = openSync(logFile, 'w');
  const args = [join(import.meta.dirname, 'start.ts'), ...(file === undefined ? [] : [file])];
  const runner = spawn(process.execPath, args, {
    cwd: workingFolder,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let end = '';
  runner.once('error', (error) => {
    end = error.message;
  });
  runner.once('exit', (code, signal) => {
    end = signal ?? `code ${code}`;
  });
  for (;;) {
    const note = await readRunner(layout.dataDir);
    if (note?.ready === true && note.runner.pid === runner.pid) break;
    const said = readFileSync(logFile, 'utf8').trimEnd();
    if (end !== '') throw new LocalError(said || `the runner ended with ${end}`);
    report.progress(said.split('\n').at(-1) ?? '');
    await sleep(lookMs);
  }
  runner.unref();
  for (const line of readFileSync(logFile, 'utf8').split('\n'))
    if (!/^(starting|chains serving|Ctrl-C)/.test(line)) report.say(line);
  report.say('it runs in the background; chainctl local down stops it, and the data is kept');
}

/** The name of the cluster that was stopped; null when none ran. @throws LocalError when it does not end */
export async function stopInBackground(dataDir: string): Promise<string | null> {
  const note = await readRunner(dataDir);
  if (note === null) return null;
  process.kill(note.runner.pid, 'SIGTERM');
  const until = performance.now() + stopMsMax;
  while (isAlive(note.runner)) {
    if (performance.now() > until)
      throw new LocalError(
        `process ${note.runner.pid}, which runs cluster "${note.cluster}", does not end; kill it`,
      );
    await sleep(lookMs);
  }
  return note.cluster;
}
