import { readFileSync } from 'node:fs';

export interface OperatorConfig {
  /** Namespaces to watch; empty: all. */
  watchNamespaces: string[];
  /** Where the operator runs and keeps its election's Lease. */
  namespace: string;
  leaderElection: boolean;
  leaseName: string;
  /** Empty: all addresses. */
  adminHost: string;
  adminPort: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  concurrency: number;
  resyncMs: number;
  defaultImage: string;
  /** Longest wait for the first complete lists; the process ends after it, so that Kubernetes starts it anew. */
  syncLimitMs: number;
}

/** All settings come from the environment, each with its name here and in the chart. */
const variables = {
  watchNamespaces: 'WATCH_NAMESPACES',
  namespace: 'POD_NAMESPACE',
  leaderElection: 'LEADER_ELECTION',
  leaseName: 'LEASE_NAME',
  adminHost: 'ADMIN_HOST',
  adminPort: 'ADMIN_PORT',
  logLevel: 'LOG_LEVEL',
  concurrency: 'CONCURRENCY',
  resyncSeconds: 'RESYNC_SECONDS',
  defaultImage: 'DEFAULT_IMAGE',
} as const;

/** @throws Error that names the variable, what it holds and what it may hold. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): OperatorConfig {
  const text = (name: string, fallback: string) => env[name]?.trim() || fallback;
  const oneOf = <T extends string>(name: string, allowed: readonly T[], fallback: T): T => {
    const value = text(name, fallback) as T;
    if (!allowed.includes(value)) throw invalid(name, value, `one of ${allowed.join(', ')}`);
    return value;
  };
  const integer = (name: string, fallback: number, min: number, max: number): number => {
    const value = Number(text(name, String(fallback)));
    if (!Number.isInteger(value) || value < min || value > max) {
      throw invalid(name, env[name] ?? '', `a whole number from ${min} to ${max}`);
    }
    return value;
  };
  return {
    watchNamespaces: [
      ...new Set(
        text(variables.watchNamespaces, '')
          .split(/[\s,]+/)
          .filter(Boolean),
      ),
    ],
    namespace: text(variables.namespace, namespaceOfPod() ?? 'default'),
    leaderElection: oneOf(variables.leaderElection, ['true', 'false'], 'true') === 'true',
    leaseName: text(variables.leaseName, 'chaincluster-operator'),
    adminHost: text(variables.adminHost, ''),
    adminPort: integer(variables.adminPort, 8080, 0, 65_535),
    logLevel: oneOf(variables.logLevel, ['debug', 'info', 'warn', 'error'], 'info'),
    concurrency: integer(variables.concurrency, 4, 1, 100),
    resyncMs: integer(variables.resyncSeconds, 15, 1, 3600) * 1000,
    defaultImage: text(variables.defaultImage, 'chaincluster:latest'),
    syncLimitMs: 120_000,
  };
}

function invalid(name: string, value: string, allowed: string): Error {
  return new Error(`environment variable ${name} is "${value}"; it must be ${allowed}`);
}

/** Kubernetes tells a pod its namespace in a file beside its token. */
function namespaceOfPod(): string | undefined {
  try {
    return (
      readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8').trim() || undefined
    );
  } catch {
    return undefined; // not in a pod
  }
}
