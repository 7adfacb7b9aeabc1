import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { apply, find, type KubeObject, kubectl, list } from '../harness/kubectl.ts';
import { run } from '../harness/run-command.ts';
import { settings } from '../harness/settings.ts';
import { shared, story } from '../harness/story.ts';

story('install from zero', { short: true }, async ({ cluster, note, load }) => {
  const began = performance.now();
  await cluster.apply();
  await cluster.ready();
  note('ready after', `${((performance.now() - began) / 1000).toFixed(1)} s`);

  const columns = await kubectl(['get', '-n', cluster.namespace, 'chaincluster', cluster.name]);
  expect(columns).toMatch(/demo\s+3\s+3\s+16\/16\s+demo-coordinator-\d\s+e2e-\w+\s+Ready/);
  const view = await cluster.view();
  expect(view.chains.every(({ full, members }) => full && members.length === 3)).toBe(true);

  // As the manual says, inside a pod.
  const chainctl = (...args: string[]) =>
    kubectl(['exec', '-n', cluster.namespace, `${cluster.name}-node-0`, '--', 'chainctl', ...args]);
  await chainctl('put', 'greeting', 'hello');
  expect((await chainctl('get', 'greeting')).trim()).toBe('hello');

  await load();
  await sleep(5000);
});

story('nothing is written to the API while nothing changes', { short: true }, async ({ cluster, note }) => {
  await cluster.ready();
  // Renewals of Leases are the sign of life, and no change.
  const before = await versions();
  await sleep(60_000);
  const after = await versions();
  const changed = [...after].filter(([name, version]) => before.get(name) !== version).map(([name]) => name);
  note('objects changed in 60 s', changed.length);
  expect(changed).toEqual([]);
});

story(
  'applying the same again changes nothing',
  { short: true, planned: true },
  async ({ cluster, load }) => {
    await cluster.ready();
    await load();
    const before = await versions();
    const { metadata } = await cluster.resource();
    await cluster.apply();
    await sleep(8000);
    expect((await cluster.resource()).metadata.generation).toBe(metadata.generation);
    expect([...(await versions())]).toEqual([...before]);
  },
);

story('a bad manifest is refused with what to change', { short: true }, async ({ cluster }) => {
  const refused = (spec: object): Promise<string> =>
    apply(cluster.manifest(spec as never)).then(
      () => 'accepted',
      (error: Error) => error.message,
    );
  expect(await refused({ replicationFactor: 4 })).toContain('raise nodes or lower replicationFactor');
  expect(await refused({ slots: 32 })).toContain('slots is immutable');
  expect(await refused({ coordinators: 2 })).toContain('coordinators');
  expect(await refused({ storage: { size: '512Mi' } })).toContain('cannot shrink');
  expect(await refused({ nodes: 'three' })).toContain('nodes');
  expect(await refused({ nodez: 3 })).toContain('unknown field');
  await cluster.ready();
});

story('the operator has no rights that it does not need', { short: true }, async () => {
  const as = `system:serviceaccount:${settings.operatorNamespace}:${settings.release}`;
  const may = (...what: string[]) =>
    kubectl(['auth', 'can-i', ...what, '--as', as]).then(
      (text) => text.trim() === 'yes',
      () => false,
    );
  expect(await may('delete', 'pods', '-n', settings.namespace)).toBe(true);
  expect(await may('delete', 'pods', '-n', 'kube-system')).toBe(false);
  expect(await may('list', 'secrets', '-n', settings.namespace)).toBe(false);
  expect(await may('list', 'nodes')).toBe(false);
  expect(await may('get', 'storageclasses')).toBe(false);
  expect(await may('create', 'pods', '-n', settings.namespace)).toBe(false);

  const node = `system:serviceaccount:${settings.namespace}:${shared.name}-node`;
  expect(
    (await kubectl(['auth', 'can-i', '--list', '-n', settings.namespace, '--as', node])).includes('pods'),
  ).toBe(false);
  const coordinator = `system:serviceaccount:${settings.namespace}:${shared.name}-coordinator`;
  const reads = (name: string) =>
    kubectl([
      'auth',
      'can-i',
      'get',
      `configmap/${name}`,
      '-n',
      settings.namespace,
      '--as',
      coordinator,
    ]).then(
      (text) => text.trim() === 'yes',
      () => false,
    );
  expect(await reads('another')).toBe(false);
});

story('every pod passes the restricted profile', { short: true }, async () => {
  for (const namespace of [settings.namespace, settings.operatorNamespace]) {
    // The namespaces enforce it already; a dry run with the profile as a label lists what would not pass.
    const said = await run([
      ...['kubectl', 'label', '--dry-run=server', '--overwrite', 'namespace', namespace],
      'pod-security.kubernetes.io/enforce=restricted',
    ]);
    expect(said.stderr).not.toContain('violate');
  }
  const pods = await list(settings.namespace, 'pods');
  expect(pods.length).toBeGreaterThanOrEqual(6);
});

story('helm test writes and reads a key', { short: true, seconds: 300 }, async () => {
  const said = await run(
    [settings.helm, 'test', settings.release, '-n', settings.operatorNamespace, '--timeout', '240s'],
    {
      timeoutMs: 260_000,
    },
  );
  expect(said.stdout).toContain('Succeeded');
});

/** The version of everything that belongs to the shared cluster, signs of life left out. */
async function versions(): Promise<Map<string, string>> {
  const kinds = [
    'chaincluster',
    'statefulset',
    'service',
    'configmap',
    'pdb',
    'role',
    'rolebinding',
    'serviceaccount',
    'pod',
    'pvc',
  ];
  const objects: KubeObject[] = [];
  for (const kind of kinds)
    objects.push(...(await list(shared.namespace, kind, 'app.kubernetes.io/instance=demo')));
  const resource = await find(shared.namespace, 'chaincluster', shared.name);
  if (resource !== undefined) objects.push(resource);
  // The coordinators' state is theirs; it does not change either while no chain does.
  return new Map(objects.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.resourceVersion]));
}
