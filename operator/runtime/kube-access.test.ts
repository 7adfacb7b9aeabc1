import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findAccess, type KubeAccess } from './kube-access.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chaincluster-access-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function optionsOf(access: KubeAccess): Promise<RequestOptions> {
  const options: RequestOptions = {};
  await access.applyToHTTPSOptions(options);
  return options;
}

interface Account {
  cluster?: object;
  user?: object;
}

function writeKubeconfig({ cluster, user }: Account, name = 'config'): string {
  const file = join(folder, name);
  const config = {
    clusters: [
      { name: 'other', cluster: { server: 'https://other' } },
      { name: 'here', cluster: { server: 'https://api.example:6443/', ...cluster } },
    ],
    users: [{ name: 'me', user }],
    contexts: [{ name: 'now', context: { cluster: 'here', user: 'me' } }],
    'current-context': 'now',
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
const printToken = { command: 'echo', args: ['{"status": {"token": "printed"}}'], env: null };

describe('a kubeconfig', () => {
  test.each<[string, Account]>([
    ['a token', { user: { token: 'secret' } }],
    ['a token in a file', { user: { 'token-file': 'token' } }],
    [
      'certificates in it',
      {
        cluster: { 'certificate-authority-data': base64('authority') },
        user: { 'client-certificate-data': base64('me'), 'client-key-data': base64('key') },
      },
    ],
    [
      'certificates beside it',
      {
        cluster: { 'certificate-authority': 'ca.crt' },
        user: { 'client-certificate': 'me.crt', 'client-key': 'me.key' },
      },
    ],
    ['a password', { user: { username: 'me', password: 'secret' } }],
    ['somebody else to act as', { user: { token: 'secret', as: 'robot' } }],
    ['a program that prints a token', { user: { exec: printToken } }],
    [
      'a server by another name',
      { cluster: { 'tls-server-name': 'kubernetes', 'insecure-skip-tls-verify': true } },
    ],
  ])('with %s means what it means to the whole library', async (_, account) => {
    for (const name of ['ca.crt', 'me.crt', 'me.key']) writeFileSync(join(folder, name), name);
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'secret');
    const user =
      account.user !== undefined && 'token-file' in account.user ? { 'token-file': tokenFile } : account.user;
    const file = writeKubeconfig({ ...account, ...(user !== undefined && { user }) });
    const whole = new KubeConfig();
    whole.loadFromFile(file);
    const access = await findAccess({ KUBECONFIG: file });
    expect(access).not.toBeInstanceOf(KubeConfig);
    expect(access.getCurrentCluster()).toEqual(whole.getCurrentCluster());
    const { agent: _agent, ...expected } = await optionsOf(whole);
    expect(await optionsOf(access)).toEqual(expected);
  });

  test.each<[string, Account]>([
    ['a proxy', { cluster: { 'proxy-url': 'http://proxy.example:3128' } }],
    ['the sign-in of a cloud', { user: { 'auth-provider': { name: 'oidc', config: {} } } }],
  ])('with %s gets the whole library', async (_, account) => {
    const file = writeKubeconfig(account);
    vi.stubEnv('KUBECONFIG', file);
    expect(await findAccess(process.env)).toBeInstanceOf(KubeConfig);
  });

  test('of several files gets the whole library', async () => {
    writeFileSync(join(folder, 'more'), JSON.stringify({ users: [{ name: 'more', user: {} }] }));
    vi.stubEnv('KUBECONFIG', [writeKubeconfig({}), join(folder, 'more')].join(delimiter));
    expect(await findAccess(process.env)).toBeInstanceOf(KubeConfig);
  });

  test('of the home folder is found', async () => {
    mkdirSync(join(folder, '.kube'));
    writeKubeconfig({ user: { token: 'home' } }, '.kube/config');
    const options = await optionsOf(await findAccess({ HOME: folder }));
    expect(options.headers).toEqual({ Authorization: 'Bearer home' });
  });

  test('that names what is not there is refused', async () => {
    const file = join(folder, 'config');
    writeFileSync(file, JSON.stringify({ 'current-context': 'gone' }));
    await expect(findAccess({ KUBECONFIG: file })).rejects.toThrow(`${file} has no context named "gone"`);
  });

  test('that would show the token to everybody is refused', async () => {
    const file = writeKubeconfig({ cluster: { server: 'http://api.example' } });
    await expect(findAccess({ KUBECONFIG: file })).rejects.toThrow('use https');
  });
});

describe('a pod', () => {
  test('uses its account, and follows its token', async () => {
    writeFileSync(join(folder, 'ca.crt'), 'authority');
    writeFileSync(join(folder, 'token'), 'first');
    const access = await findAccess({ KUBERNETES_SERVICE_HOST: 'fd00::1' }, folder);
    expect(access.getCurrentCluster()?.server).toBe('https://[fd00::1]:443');
    expect(await optionsOf(access)).toEqual({
      ca: Buffer.from('authority'),
      headers: { Authorization: 'Bearer first' },
    });
    writeFileSync(join(folder, 'token'), 'second');
    expect((await optionsOf(access)).headers).toEqual({ Authorization: 'Bearer second' });
  });

  test('means what it means to the whole library', async () => {
    const account = join(folder, 'var/run/secrets/kubernetes.io/serviceaccount');
    mkdirSync(account, { recursive: true });
    for (const name of ['ca.crt', 'token']) writeFileSync(join(account, name), name);
    const env = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '6443' };
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const whole = new KubeConfig();
    whole.loadFromCluster(folder);
    const access = await findAccess(env, account);
    expect(access.getCurrentCluster()?.server).toBe(whole.getCurrentCluster()?.server);
    const { agent: _agent, ...expected } = await optionsOf(whole);
    expect(await optionsOf(access)).toEqual(expected);
  });

  test('is told when there is none', async () => {
    await expect(findAccess({})).rejects.toThrow('no API server is known');
  });
});
