/**
 * Gives processes a small processor of their own each, through Linux control groups, so that one machine
 * can stand for several.
 */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = '/sys/fs/cgroup';
/** The least that Linux allows, so that a process that has used its share does not stand still for long. */
const quotaUs = 1000;

export interface CpuLimit {
  /** Back to all processors. */
  end(): void;
}

/** @throws Error that says why this machine can't do it: it needs root and the cpu controller. */
export function limitCpu(pids: readonly number[], cores: number): CpuLimit {
  const second = existsSync(join(root, 'cgroup.controllers'));
  const parent = second ? root : join(root, 'cpu');
  const groups = pids.map((pid) => join(parent, `chaincluster-bench-${pid}`));
  const end = (): void => {
    for (const [i, group] of groups.entries()) release(parent, group, pids[i] as number);
  };
  try {
    if (second) writeFileSync(join(root, 'cgroup.subtree_control'), '+cpu');
    for (const [i, group] of groups.entries()) {
      mkdirSync(group, { recursive: true });
      const periodUs = Math.round(quotaUs / cores);
      if (second) writeFileSync(join(group, 'cpu.max'), `${quotaUs} ${periodUs}`);
      else {
        writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodUs));
        writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaUs));
      }
      writeFileSync(join(group, 'cgroup.procs'), String(pids[i]));
    }
  } catch (error) {
    end();
    throw new Error(
      `processes could not be given a share of a processor (${(error as Error).message}); it needs root and control groups with the cpu controller`,
    );
  }
  return { end };
}

function release(parent: string, group: string, pid: number): void {
  try {
    writeFileSync(join(parent, 'cgroup.procs'), String(pid));
  } catch {
    // The process has ended.
  }
  try {
    rmdirSync(group);
  } catch {
    // It was not made.
  }
}
