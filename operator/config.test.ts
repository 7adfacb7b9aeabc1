import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

test('everything has a default', () => {
  expect(readConfig({ POD_NAMESPACE: 'ops' })).toMatchObject({
    watchNamespaces: [],
    namespace: 'ops',
    leaderElection: true,
    adminPort: 8080,
    logLevel: 'info',
    resyncMs: 15_000,
  });
});

test('namespaces are a list', () => {
  expect(readConfig({ WATCH_NAMESPACES: ' a, b  a,' }).watchNamespaces).toEqual(['a', 'b']);
});

test.each([
  ['ADMIN_PORT', 'http', 'a whole number from 0 to 65535'],
  ['CONCURRENCY', '0', 'a whole number from 1 to 100'],
  ['LOG_LEVEL', 'loud', 'one of debug, info, warn, error'],
  ['LEADER_ELECTION', 'yes', 'one of true, false'],
])('%s=%s is refused with what is allowed', (name, value, allowed) => {
  expect(() => readConfig({ [name]: value })).toThrow(
    `environment variable ${name} is "${value}"; it must be ${allowed}`,
  );
});
