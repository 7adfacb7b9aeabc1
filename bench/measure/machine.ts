/** The machine and the versions that a report names. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** File system that the data lies on. */
  readonly fileSystem: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** `folder` is where the data of the measurement lies. */
export function describeMachine(folder: string): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    fileSystem: firstLine('stat', ['-f', '-c', '%T', folder]) ?? 'unknown',
    versions: {
      node: process.versions.node,
      chaincluster: firstLine('git', ['describe', '--always', '--dirty']) ?? 'unknown',
      etcd: /\d+\.\d+\.\d+/.exec(firstLine('etcd', ['--version']) ?? '')?.[0] ?? 'not installed',
      redis: /v=(\S+)/.exec(firstLine('redis-server', ['--version']) ?? '')?.[1] ?? 'not installed',
      go: firstLine('go', ['env', 'GOVERSION']) ?? 'not installed',
    },
  };
}

function firstLine(command: string, args: readonly string[]): string | null {
  try {
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    const text = execFileSync(command, args, { cwd: import.meta.dirname, encoding: 'utf8', stdio });
    return text.split('\n')[0]?.trim() || null;
  } catch {
    return null;
  }
}
