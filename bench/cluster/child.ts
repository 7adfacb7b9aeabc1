import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Its output goes to NAME.log here. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A server process under test. It is ended with this program at the latest. */
export class Child {
  readonly name: string;
  readonly #options: ChildOptions;
  #process: ChildProcess;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#options = options;
    this.#process = this.#spawn();
    running.add(this);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get ended(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Sends a signal; resolves when the process has ended. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' | 'SIGINT'): Promise<void> {
    running.delete(this);
    if (this.ended) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill(signal);
    const impatience = setTimeout(() => this.#process.kill('SIGKILL'), patienceMs);
    await exit;
    clearTimeout(impatience);
  }

  /** Starts the same command anew, after `stop`. */
  restart(): void {
    this.#process = this.#spawn();
    running.add(this);
  }

  /** @throws Error with the end of its log when it has ended. */
  mustRun(): void {
    if (this.ended) throw new Error(`${this.name} ended by itself:\n${this.#logEnd()}`);
  }

  #spawn(): ChildProcess {
    const { command, args, env } = this.#options;
    const log = openSync(this.#logFile, 'a');
    return spawn(command, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
  }

  get #logFile(): string {
    return join(this.#options.folder, `${this.#options.name}.log`);
  }

  #logEnd(): string {
    return readFileSync(this.#logFile, 'utf8').split('\n').slice(-12).join('\n');
  }
}

const patienceMs = 20_000;
const running = new Set<Child>();

process.on('exit', () => {
  for (const child of running) if (child.pid > 0 && !child.ended) process.kill(child.pid, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
