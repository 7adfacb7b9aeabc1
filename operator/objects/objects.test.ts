import { describe, expect, test } from 'vitest';
import { clusterWith, image } from '../fixtures.ts';
import type { KubeObject } from '../runtime/kube-object.ts';
import { buildAccess, buildLease, buildState } from './access.ts';
import { buildConfigFile, buildConfigMap, readConfigMap, settingsHash } from './config-map.ts';
import type { PodTemplate } from './kinds.ts';
import { clusterNameMax, namesOf, ordinalOf } from './names.ts';
import { buildBudgets, buildNetworkPolicy, buildPodMonitor } from './policies.ts';
import { buildServices } from './services.ts';
import { buildCoordinators, buildNodes, templateHashOf, volumeSizeOf } from './stateful-sets.ts';

const cluster = clusterWith();
const nodes = buildNodes(cluster, { image, replicas: 3 });
const coordinators = buildCoordinators(cluster, { image });
const file = buildConfigFile(cluster, {
  clusterId: 'id',
  begun: true,
  drain: ['demo-node-2', 'demo-node-2', 'demo-node-1'],
});

describe('every object', () => {
  const all: KubeObject[] = [
    nodes,
    coordinators,
    ...buildAccess(cluster),
    buildLease(cluster),
    buildState(cluster, 'id'),
    ...buildServices(cluster),
    ...buildBudgets(cluster),
    buildNetworkPolicy(cluster, 'operators'),
    buildPodMonitor(cluster),
    buildConfigMap(cluster, file),
  ];

  test.each(all.map((object) => [`${object.kind} ${object.metadata.name}`, object] as const))(
    '%s',
    (_, object) => {
      expect(object).toMatchSnapshot();
      expect(object.metadata.namespace).toBe('data');
      expect(object.metadata.labels).toMatchObject({
        'app.kubernetes.io/instance': 'demo',
        'app.kubernetes.io/managed-by': 'chaincluster-operator',
      });
    },
  );

  test('has its own name within its kind', () => {
    const keys = all.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('goes with the cluster, except the state that kept volumes need', () => {
    const orphans = all.filter(({ metadata }) => metadata.ownerReferences === undefined);
    expect(orphans.map(({ metadata }) => metadata.name)).toEqual(['demo-state']);
    const { retention } = cluster.spec.storage;
    const storage = { ...cluster.spec.storage, retention: { ...retention, whenDeleted: 'Delete' as const } };
    expect(buildState(clusterWith({ storage }), 'id').metadata.ownerReferences).toHaveLength(1);
  });

  test('has names that Kubernetes takes, also for the longest cluster name', () => {
    const longest = clusterWith({}, { name: 'x'.repeat(clusterNameMax) });
    const label = `${namesOf(longest).coordinators}-0123456789`;
    expect(label).toHaveLength(63);
  });
});

describe.each<[string, PodTemplate]>([
  ['a node', nodes.spec.template],
  ['a coordinator', coordinators.spec.template],
])('the pod of %s', (_, { spec }) => {
  const [container] = spec.containers;

  test('meets the restricted Pod Security standard', () => {
    expect(spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const kinds = (spec.volumes ?? []).flatMap((volume) =>
      Object.keys(volume).filter((key) => key !== 'name'),
    );
    expect(kinds.every((kind) => ['configMap', 'emptyDir'].includes(kind))).toBe(true);
    expect(spec).not.toHaveProperty('hostNetwork');
  });

  test('asks peers and the API for readiness only, and gives a start half an hour', () => {
    expect(container?.livenessProbe?.httpGet?.path).toBe('/livez');
    expect(container?.readinessProbe?.httpGet?.path).toBe('/readyz');
    const { periodSeconds = 0, failureThreshold = 0, httpGet } = container?.startupProbe ?? {};
    expect([httpGet?.path, periodSeconds * failureThreshold]).toEqual(['/livez', 1800]);
    expect(spec.terminationGracePeriodSeconds).toBe(60);
  });
});

test('a node has no API token, a coordinator has', () => {
  expect(nodes.spec.template.spec.automountServiceAccountToken).toBe(false);
  expect(coordinators.spec.template.spec.automountServiceAccountToken).toBe(true);
});

test('a coordinator may touch its Lease and its state by name, and nothing else', () => {
  const role = buildAccess(clusterWith({ slots: 1025 })).find(({ kind }) => kind === 'Role');
  expect(role).toMatchObject({
    rules: [
      { resources: ['leases'], resourceNames: ['demo-coordinator'], verbs: ['get', 'update', 'patch'] },
      {
        resources: ['configmaps'],
        resourceNames: ['demo-state'],
        verbs: ['get', 'update', 'patch'],
      },
    ],
  });
});

describe('the template hash', () => {
  const hashOf = (...args: Parameters<typeof clusterWith>) =>
    templateHashOf(buildNodes(clusterWith(...args), { image, replicas: 3 }));

  test('is the same for every operator: changing it restarts every cluster of every user', () => {
    expect([templateHashOf(nodes), templateHashOf(coordinators)]).toMatchInlineSnapshot(`
      [
        "f3663152c1bb",
        "b3961c216dcb",
      ]
    `);
  });

  test.each<[string, Parameters<typeof clusterWith>]>([
    ['more nodes', [{ nodes: 7 }]],
    ['a drain list', [{ drain: ['demo-node-1'] }]],
    ['other timings', [{ timings: { ...cluster.spec.timings, heartbeatMs: 150 } }]],
    ['a pause', [{ paused: true }]],
    ['more coordinators', [{ coordinators: 5 }]],
    ['a longer replication', [{ replicationFactor: 2 }]],
    ['a larger volume', [{ storage: { ...cluster.spec.storage, size: '99Gi' } }]],
    ['another generation', [{}, { generation: 99, resourceVersion: '99' }]],
  ])('stays with %s', (_, args) => {
    expect(hashOf(...args)).toBe(templateHashOf(nodes));
  });

  test.each<[string, Parameters<typeof clusterWith>]>([
    ['another log level', [{ config: { ...cluster.spec.config, logLevel: 'debug' } }]],
    ['another durability', [{ durability: 'os' }]],
    ['other limits', [{ limits: { ...cluster.spec.limits, valueBytes: 4096 } }]],
    ['other resources', [{ resources: { limits: { memory: '2Gi' } } }]],
    ['a wished restart', [{}, { annotations: { 'chaincluster.dev/restartedAt': 'now' } }]],
    [
      'a pod label',
      [{ podTemplate: { ...cluster.spec.podTemplate, metadata: { labels: { a: 'b' }, annotations: {} } } }],
    ],
  ])('changes with %s', (_, args) => {
    expect(hashOf(...args)).not.toBe(templateHashOf(nodes));
  });

  test('changes with the image', () => {
    expect(templateHashOf(buildNodes(cluster, { image: 'other:2', replicas: 3 }))).not.toBe(
      templateHashOf(nodes),
    );
  });
});

describe('what the user lays over the pods', () => {
  const podTemplate = {
    ...cluster.spec.podTemplate,
    metadata: { labels: { team: 'a', 'app.kubernetes.io/instance': 'stolen' }, annotations: { note: 'x' } },
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'dedicated', operator: 'Exists' }],
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' }],
    priorityClassName: 'high',
    env: [
      { name: 'TZ', value: 'UTC' },
      { name: 'POD_NAME', value: 'liar' },
      { name: 'NODE_OPTIONS', value: '--heap-prof' },
    ],
  };
  const { template } = buildNodes(
    clusterWith({
      podTemplate,
      resources: { limits: { memory: '1Gi' } },
      imagePullSecrets: [{ name: 'pull' }],
    }),
    { image, replicas: 3 },
  ).spec;
  const env = template.spec.containers[0]?.env ?? [];

  test('is there', () => {
    expect(template.metadata.labels.team).toBe('a');
    expect(template.metadata.annotations.note).toBe('x');
    expect(template.spec).toMatchObject({
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'dedicated', operator: 'Exists' }],
      topologySpreadConstraints: [{ topologyKey: 'rack' }],
      priorityClassName: 'high',
      imagePullSecrets: [{ name: 'pull' }],
    });
    expect(env.find(({ name }) => name === 'TZ')?.value).toBe('UTC');
    expect(env.find(({ name }) => name === 'NODE_OPTIONS')?.value).toBe('--heap-prof');
  });

  test('cannot make a pod somebody else', () => {
    expect(template.metadata.labels['app.kubernetes.io/instance']).toBe('demo');
    expect(env.filter(({ name }) => name === 'POD_NAME')).toEqual([
      { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
    ]);
    expect(new Set(env.map(({ name }) => name)).size).toBe(env.length);
  });
});

test('the heap is three quarters of the memory limit', () => {
  const small = buildNodes(clusterWith({ resources: { limits: { memory: '1Gi' } } }), { image, replicas: 3 });
  const env = small.spec.template.spec.containers[0]?.env;
  expect(env).toContainEqual({ name: 'NODE_OPTIONS', value: '--max-old-space-size=768' });
});

describe('the configuration file', () => {
  test('is what the processes expect', () => {
    expect(readConfigMap(buildConfigMap(cluster, file))).toEqual(file);
    expect(file).toMatchSnapshot();
    expect(file.drain).toEqual(['demo-node-1', 'demo-node-2']);
    expect(file.coordinators[0]).toBe('demo-coordinator-0.demo-coordinators.data.svc:7410');
  });

  test('that is missing or broken reads as none', () => {
    expect(readConfigMap(undefined)).toBeUndefined();
    expect(
      readConfigMap({ ...buildConfigMap(cluster, file), data: { 'cluster.json': '{' } }),
    ).toBeUndefined();
  });

  test('asks for restarts only by what is read at the start', () => {
    expect(settingsHash(clusterWith({ nodes: 9, drain: ['x'] }))).toBe(settingsHash(cluster));
    expect(settingsHash(clusterWith({ durability: 'os' }))).not.toBe(settingsHash(cluster));
  });
});

test.each([
  ['demo-node-0', 0],
  ['demo-node-12', 12],
  ['demo-node-01', undefined],
  ['demo-node-', undefined],
  ['demo-coordinator-0', undefined],
  ['other-demo-node-0', undefined],
])('the ordinal of %s', (name, ordinal) => {
  expect(ordinalOf(cluster, 'node', name)).toBe(ordinal);
});

test('the size of new volumes', () => {
  expect(volumeSizeOf(nodes)).toBe('10Gi');
});
