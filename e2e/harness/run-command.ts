/** Runs a program and tells what it said. */
import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Shows the output as it comes, beside keeping it. */
  readonly show?: boolean;
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** @throws Error with the command, its exit code and what it wrote to stderr. */
export async function run(command: readonly string[], options: CommandOptions = {}): Promise<Output> {
  const [program = '', ...args] = command;
  const { input, timeoutMs = 120_000, show = false } = options;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: 'pipe',
    signal: AbortSignal.timeout(timeoutMs),
    killSignal: 'SIGKILL',
  });
  const said = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].on('data', (data: Buffer) => {
      said[stream].push(data);
      if (show) process.stderr.write(data);
    });
  child.stdin.on('error', () => undefined); // it ended without reading all; its exit code says why
  child.stdin.end(input ?? '');
  const ended = await new Promise<string>((resolve) => {
    child.on('error', (error) =>
      resolve(error.name === 'AbortError' ? `no end after ${timeoutMs} ms` : error.message),
    );
    child.on('close', (code, signal) => resolve(code === 0 ? '' : `exit ${signal ?? code}`));
  });
  const [stdout, stderr] = [Buffer.concat(said.stdout).toString(), Buffer.concat(said.stderr).toString()];
  if (ended === '') return { stdout, stderr };
  const shown = command.join(' ');
  throw new Error(`${shown.length > 300 ? `${shown.slice(0, 300)}…` : shown}: ${ended}\n${stderr.trim()}`);
}

/** A command line from the environment, split at blanks. */
export function words(line: string): string[] {
  return line.split(/\s+/).filter(Boolean);
}
