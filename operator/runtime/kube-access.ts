import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import {
  type Cluster,
  newClusters,
  newContexts,
  newUsers,
  type User,
} from '@kubernetes/client-node/dist/config_types.js';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { FileAuth } from '@kubernetes/client-node/dist/file_auth.js';

/** Where the API server is and what proves who we are: as much of the library's KubeConfig as a connection needs. */
export type KubeAccess = Pick<KubeConfig, 'getCurrentCluster' | 'applyToHTTPSOptions'>;

type Env = Readonly<Record<string, string | undefined>>;

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Looks where the library looks: KUBECONFIG, else the person's ~/.kube/config, else the account of the pod.
 *
 * KubeConfig itself would bring 900 generated classes and about 80 MB of memory with it. A pod and most kubeconfigs need
 * only the parts that are imported above; proxies, several files and the sign-in of clouds get the whole library.
 * @throws Error with what to do when there is nothing to be found, or something broken.
 */
export async function findAccess(env: Env, podFolder = accountFolder): Promise<KubeAccess> {
  const file = kubeconfigOf(env);
  if (file === undefined) return new PlainAccess(accountOfPod(env, podFolder));
  const account = file.includes(delimiter) ? undefined : await readKubeconfig(file);
  return account !== undefined && isPlain(account) ? new PlainAccess(account) : wholeLibrary();
}

interface Account {
  cluster: Cluster;
  user: User;
}

/** What the parts of the library can do without the whole. */
function isPlain({ cluster, user }: Account): boolean {
  return !cluster.proxyUrl && !user.authProvider;
}

async function wholeLibrary(): Promise<KubeAccess> {
  const library = await import('@kubernetes/client-node');
  const config = new library.KubeConfig();
  config.loadFromDefault();
  return config;
}

function kubeconfigOf(env: Env): string | undefined {
  if (env.KUBECONFIG) return env.KUBECONFIG;
  const home = env.HOME ?? env.USERPROFILE;
  const file = home && join(home, '.kube', 'config');
  return file && existsSync(file) ? file : undefined;
}

async function readKubeconfig(file: string): Promise<Account> {
  const { parse } = await import('yaml');
  const value = parse(await readFile(file, 'utf8')) as Record<string, unknown> | null;
  const named = <T extends { name: string }>(items: T[], name: unknown, what: string): T => {
    const found = items.find((item) => item.name === name);
    if (found === undefined) throw new Error(`${file} has no ${what} named "${name}"`);
    return found;
  };
  const context = named(newContexts(value?.contexts), value?.['current-context'], 'context');
  const cluster = named(newClusters(value?.clusters), context.cluster, 'cluster');
  const user = named(newUsers(value?.users), context.user, 'user');
  const besides = (path: string) => resolve(dirname(file), path);
  return {
    cluster: { ...cluster, ...(cluster.caFile && { caFile: besides(cluster.caFile) }) },
    user: {
      ...user,
      ...(user.certFile && { certFile: besides(user.certFile) }),
      ...(user.keyFile && { keyFile: besides(user.keyFile) }),
    },
  };
}

/** What Kubernetes tells a pod by variables and mounts. */
function accountOfPod(env: Env, folder: string): Account {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (host === '') {
    throw new Error(
      'no API server is known: set KUBECONFIG, or run in a pod with an account (it has a token)',
    );
  }
  return {
    cluster: {
      name: 'pod',
      server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
      caFile: join(folder, 'ca.crt'),
      skipTLSVerify: false,
    },
    user: { name: 'pod', authProvider: { name: 'tokenFile', config: { tokenFile: join(folder, 'token') } } },
  };
}

class PlainAccess implements KubeAccess {
  readonly #account: Account;
  /** Keeps what a program answered until that expires. */
  readonly #exec = new ExecAuth();

  constructor(account: Account) {
    const { server, skipTLSVerify } = account.cluster;
    if (server.startsWith('http:') && !skipTLSVerify) {
      throw new Error(`${server} would show the token to everybody; use https, or allow it by skipTLSVerify`);
    }
    this.#account = account;
  }

  getCurrentCluster(): Cluster {
    return this.#account.cluster;
  }

  async applyToHTTPSOptions(options: RequestOptions): Promise<void> {
    const { cluster, user } = this.#account;
    const [ca, cert, key] = await Promise.all([
      bytesOf(cluster.caFile, cluster.caData),
      bytesOf(user.certFile, user.certData),
      bytesOf(user.keyFile, user.keyData),
    ]);
    const headers: Record<string, string> = {};
    Object.assign(options, {
      headers,
      ...(cluster.skipTLSVerify && { rejectUnauthorized: false }),
      ...(cluster.tlsServerName && { servername: cluster.tlsServerName }),
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(user.username && { auth: `${user.username}:${user.password}` }),
    });
    if (user.impersonateUser) headers['Impersonate-User'] = user.impersonateUser;
    // A new one each time reads the file anew: Kubernetes renews the token of a pod in place.
    const means = [this.#exec, new FileAuth()].find((each) => each.isAuthProvider(user));
    await means?.applyAuthentication(user, options);
    if (user.token) headers.Authorization = `Bearer ${user.token}`;
  }
}

/** A file wins over what stands in the kubeconfig itself. */
async function bytesOf(file: string | undefined, base64: string | undefined): Promise<Buffer | undefined> {
  if (file) return readFile(file);
  return base64 ? Buffer.from(base64, 'base64') : undefined;
}
