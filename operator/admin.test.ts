import { afterEach, expect, test } from 'vitest';
import { type AdminServer, startAdmin } from './admin.ts';
import { createMetrics } from './runtime/metrics.ts';

let server: AdminServer | undefined;
afterEach(() => server?.close());

test('liveness asks nothing, readiness its checks, and metrics are brought up to date first', async () => {
  let problem: string | undefined = 'not listed yet: Pod';
  const metrics = createMetrics();
  server = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    metrics,
    readiness: [
      { name: 'shutdown', check: () => undefined },
      { name: 'caches', check: () => problem },
    ],
    beforeScrape: () => metrics.clusters.set({ namespace: 'data' }, 7),
  });
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server?.port}${path}`);
    return [response.status, await response.text()] as const;
  };
  expect(await get('/livez')).toEqual([200, 'ok\n']);
  expect(await get('/healthz')).toEqual([200, 'ok\n']);
  expect(await get('/readyz')).toEqual([
    503,
    '[+] shutdown ok\n[-] caches failed: not listed yet: Pod\nnot ready\n',
  ]);
  problem = undefined;
  expect(await get('/readyz')).toEqual([200, 'ok\n']);
  expect(await get('/readyz?verbose')).toEqual([200, '[+] shutdown ok\n[+] caches ok\nok\n']);
  expect((await get('/metrics'))[1]).toContain('chain_operator_resources{namespace="data"} 7');
});
