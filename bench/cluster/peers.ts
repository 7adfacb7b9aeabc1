/** The stores that this one is compared with, as three local processes each, with the settings that reports name. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Child } from './child.ts';
import { freePorts } from './ports.ts';
import { type System, until } from './system.ts';

const startMs = 20_000;

/** Sentences that say how to install what is missing for the comparison; empty when all is there. */
export function missingPeers(): string[] {
  const sentences: string[] = [];
  const need = (command: string, args: readonly string[], how: string): void => {
    if (spawnSync(command, args, { stdio: 'ignore' }).error !== undefined)
      sentences.push(`${command} is not installed: ${how}`);
  };
  need('etcd', ['--version'], 'apt-get install etcd-server (then stop the service that it may have started)');
  need(
    'redis-server',
    ['--version'],
    'apt-get install redis-server (then stop the service that it may have started)',
  );
  need('go', ['version'], 'install Go 1.25 or newer; bench/peers is built with it');
  return sentences;
}

/** etcd with its defaults: every write is in the synced log of a majority before it is answered. */
export async function startEtcd(folder: string): Promise<System> {
  mkdirSync(folder, { recursive: true });
  const ports = await freePorts(3, 1);
  const peers = ports.map((port, i) => `m${i}=http://127.0.0.1:${port + 1}`).join(',');
  const members = ports.map(
    (port, i) =>
      new Child({
        name: `etcd-m${i}`,
        command: 'etcd',
        args: etcdArgs(`m${i}`, port, peers, join(folder, `m${i}`)),
        folder,
        env: { ETCD_UNSUPPORTED_ARCH: process.arch },
      }),
  );
  return system({
    name: 'etcd',
    kind: 'etcd',
    durability: 'fsync at a majority',
    children: members,
    ports,
    ready: async () => (await Promise.all(ports.map(etcdHealthy))).every(Boolean),
  });
}

function etcdArgs(name: string, port: number, peers: string, data: string): string[] {
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${port + 1}`;
  return [
    ...['--name', name, '--data-dir', data, '--log-level', 'error'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', peers, '--initial-cluster-state', 'new'],
  ];
}

async function etcdHealthy(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    return ((await response.json()) as { health?: string }).health === 'true';
  } catch {
    return false;
  }
}

/** A primary and two replicas with an append-only file each and no snapshots. */
export async function startRedis(folder: string, appendfsync: 'always' | 'everysec'): Promise<System> {
  mkdirSync(folder, { recursive: true });
  const ports = await freePorts(3);
  const [primary, ...replicas] = ports.map(
    (port, i) =>
      new Child({
        name: `redis-r${i}`,
        command: 'redis-server',
        args: redisArgs(port, i === 0 ? null : (ports[0] as number), folder, `r${i}`, appendfsync),
        folder,
      }),
  ) as [Child, ...Child[]];
  return system({
    name: `redis ${appendfsync}`,
    kind: 'redis',
    durability:
      appendfsync === 'always'
        ? 'fsync at the primary, received by both replicas'
        : 'received by the primary and both replicas, fsync every second',
    children: [primary, ...replicas],
    ports,
    ready: async () => {
      const info = await redisReplication(ports[0] as number);
      return (info.match(/state=online/g) ?? []).length === 2;
    },
  });
}

function redisArgs(
  port: number,
  primary: number | null,
  folder: string,
  name: string,
  appendfsync: string,
): string[] {
  const data = join(folder, name);
  mkdirSync(data, { recursive: true });
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', data, '--save', ''];
  args.push('--appendonly', 'yes', '--appendfsync', appendfsync, '--repl-diskless-sync-delay', '0');
  if (primary !== null) args.push('--replicaof', `127.0.0.1 ${primary}`);
  return args;
}

function redisReplication(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('INFO replication\r\n'));
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString());
    });
    socket.once('error', () => resolve(''));
  });
}

interface Parts {
  readonly name: string;
  readonly kind: 'etcd' | 'redis';
  readonly durability: string;
  readonly children: readonly Child[];
  readonly ports: readonly number[];
  readonly ready: () => Promise<boolean>;
}

async function system(parts: Parts): Promise<System> {
  const { name, kind, durability, children, ports, ready } = parts;
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop('SIGKILL')));
  };
  try {
    await until(`the start of ${name}`, startMs, () => {
      for (const child of children) child.mustRun();
      return ready();
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const endpoints = ports.map((port) => `127.0.0.1:${port}`);
  return { name, kind, durability, replicas: 3, endpoints, pids: children.map((child) => child.pid), stop };
}
