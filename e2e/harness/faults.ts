/** Faults below Kubernetes: machines without power or network, an API server that hangs, processes killed or frozen. */
import { readdirSync, readFileSync } from 'node:fs';
import type { KubeObject } from './kubectl.ts';
import { run, words } from './run-command.ts';
import { settings } from './settings.ts';

/** Why such faults cannot be made here; undefined when they can. */
export const missing = {
  machines: settings.faults === '' ? 'E2E_FAULTS names no command that stops and cuts machines' : undefined,
  processes:
    process.getuid?.() === 0
      ? undefined
      : 'processes of pods can only be killed or frozen by root on the machine that runs them',
} as const;

async function tool(...args: string[]): Promise<void> {
  await run([...words(settings.faults), ...args], { timeoutMs: 120_000 });
}

export const machine = {
  /** Power cut: every process of the machine is gone at once. */
  stop: (name: string) => tool('stop', name),
  start: (name: string) => tool('start', name),
  /** The network cable is pulled. */
  cut: (name: string) => tool('cut', name),
  heal: (name: string) => tool('heal', name),
};

export const apiServer = {
  stop: () => tool('api', 'stop'),
  start: () => tool('api', 'start'),
};

/** Sends a signal to the main process of a pod's container, from outside. @throws Error when none is found here. */
export function signalPod(pod: KubeObject, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of processesOf(pod, /(node|coordinator)\/main\.ts/)) process.kill(pid, signal);
}

function processesOf(pod: KubeObject, command: RegExp): number[] {
  const { uid, name } = pod.metadata;
  // The kubelet names a pod's group of processes after its uid, with dashes or with underscores.
  const group = new RegExp(`pod(${uid}|${uid.replaceAll('-', '_')})`);
  const found = readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return group.test(readFileSync(`/proc/${entry}/cgroup`, 'utf8')) && command.test(commandOf(entry));
    } catch {
      return false; // it ended meanwhile
    }
  });
  if (found.length === 0) throw new Error(`no process of pod ${name} is to be found on this machine`);
  return found.map(Number);
}

function commandOf(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
}
