import { expect } from 'vitest';
import { Cluster } from '../harness/cluster.ts';
import { apply, kubectl, list, restrictedNamespace, until } from '../harness/kubectl.ts';
import { settings } from '../harness/settings.ts';
import { story } from '../harness/story.ts';
import { helmInstall } from '../setup/operator.ts';

story(
  'volumes outlive their cluster, and are taken up again',
  { short: true, seconds: 480 },
  async ({ after, note }) => {
    const cluster = new Cluster(settings.spareNamespace, 'kept');
    const kept = {
      slots: 4,
      coordinators: 1,
      storage: { size: '1Gi', retention: { whenDeleted: 'Retain', whenScaled: 'Retain' } },
    };
    after(async () => {
      await cluster.delete();
      await kubectl([
        'delete',
        'pvc,configmap',
        '-n',
        cluster.namespace,
        '-l',
        `app.kubernetes.io/instance=${cluster.name}`,
      ]);
    });
    await cluster.apply(kept);
    await cluster.ready(240);
    const chainctl = (...args: string[]) =>
      kubectl(['exec', '-n', cluster.namespace, `${cluster.name}-node-0`, '--', 'chainctl', ...args]);
    for (let n = 0; n < 20; n++) await chainctl('put', `key-${n}`, `value ${n}`);

    await cluster.delete();
    const claims = await list(cluster.namespace, 'pvc', `app.kubernetes.io/instance=${cluster.name}`);
    expect(claims).toHaveLength(3);
    await cluster.apply(kept);
    note('ready again after', `${(await cluster.ready(240)).toFixed(1)} s`);
    const taken = await list(cluster.namespace, 'pvc', `app.kubernetes.io/instance=${cluster.name}`);
    expect(taken.map(({ metadata }) => metadata.uid).sort()).toEqual(
      claims.map(({ metadata }) => metadata.uid).sort(),
    );
    for (let n = 0; n < 20; n++) expect((await chainctl('get', `key-${n}`)).trim()).toBe(`value ${n}`);
  },
);

story('a deleted cluster takes its volumes along when told to', { seconds: 300 }, async () => {
  const cluster = new Cluster(settings.spareNamespace, 'gone');
  await cluster.apply({ slots: 4, nodes: 1, replicationFactor: 1, coordinators: 1 });
  await cluster.ready(240);
  await cluster.delete();
  await until('its volumes are gone', 60, async () =>
    (await list(cluster.namespace, 'pvc', `app.kubernetes.io/instance=${cluster.name}`)).length === 0
      ? true
      : undefined,
  );
});

story(
  'a new operator restarts no pod',
  { short: true, planned: true, seconds: 300 },
  async ({ cluster, load, after }) => {
    await cluster.ready();
    await load();
    const identities = async () =>
      [...(await cluster.pods('node')), ...(await cluster.pods('coordinator'))]
        .map(({ metadata }) => metadata.uid)
        .sort();
    const before = await identities();
    after(() => helmInstall(settings.image));
    await helmInstall(settings.nextImage);
    await cluster.ready();
    expect(await identities()).toEqual(before);
  },
);

story(
  'an operator for all namespaces, and people with the usual roles',
  { seconds: 400 },
  async ({ cluster, after }) => {
    const anywhere = new Cluster(`${settings.namespace}-anywhere`, 'small');
    after(() => helmInstall(settings.image));
    await helmInstall(
      settings.image,
      ...['watchNamespaces=null', 'rbac.aggregate=true', 'rbac.storageClasses=true'].flatMap((value) => [
        '--set',
        value,
      ]),
    );
    after(() => kubectl(['delete', 'namespace', anywhere.namespace, '--wait=false', '--ignore-not-found']));
    await apply(restrictedNamespace(anywhere.namespace));
    await anywhere.apply({ slots: 4, nodes: 1, replicationFactor: 1, coordinators: 1 });
    await anywhere.ready(240);
    await cluster.ready();

    await kubectl([
      'create',
      'rolebinding',
      'viewer',
      '-n',
      anywhere.namespace,
      '--clusterrole=view',
      '--user=viewer',
    ]);
    const may = (verb: string) =>
      kubectl([
        'auth',
        'can-i',
        verb,
        'chainclusters.chaincluster.dev',
        '-n',
        anywhere.namespace,
        '--as=viewer',
      ]).then(
        (text) => text.trim() === 'yes',
        () => false,
      );
    await until('the roles are aggregated', 30, async () => ((await may('get')) ? true : undefined));
    expect(await may('delete')).toBe(false);
    await anywhere.delete();
  },
);
