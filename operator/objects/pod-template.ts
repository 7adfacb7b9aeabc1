import type {
  V1Affinity,
  V1Container,
  V1EnvVar,
  V1Toleration,
  V1TopologySpreadConstraint,
  V1Volume,
} from '@kubernetes/client-node';
import type { ChainCluster, Resources } from '../../manifest/types.ts';
import { hashOf, quantity } from '../runtime/same.ts';
import { configFile, configFolder, settingsHash } from './config-map.ts';
import type { PodTemplate } from './kinds.ts';
import { annotations, type Component, labelsOf, namesOf, selectorLabels } from './names.ts';

export interface PodShape {
  component: Component;
  image: string;
  /** Entry point inside the image. */
  main: string;
  serviceAccount: string;
  /** Whether the process talks to the Kubernetes API. */
  needsToken: boolean;
  ports: readonly { name: string; containerPort: number }[];
  resources: Resources;
  env: V1EnvVar[];
  mounts: { name: string; mountPath: string }[];
}

const graceSeconds = 60;
const user = 65532;
const startupLimitSeconds = 1800;
const startupPeriodSeconds = 5;
/** Share of the memory limit for the JavaScript heap; the rest is for LevelDB, buffers and code. */
const heapPercent = 75n;
const nanosPerMiB = 1_000_000_000n * 1_048_576n;

/**
 * What pods of nodes and coordinators have in common. The template carries a hash of itself; nothing in it depends on
 * the operator's version, so that a new operator restarts nobody.
 */
export function buildPodTemplate(cluster: ChainCluster, shape: PodShape): PodTemplate {
  const { podTemplate, imagePullSecrets } = cluster.spec;
  const { nodeSelector, affinity, tolerations, topologySpreadConstraints, priorityClassName } = podTemplate;
  const spec: PodTemplate['spec'] = {
    serviceAccountName: shape.serviceAccount,
    automountServiceAccountToken: shape.needsToken,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: graceSeconds,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      fsGroup: user,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    topologySpreadConstraints:
      topologySpreadConstraints.length > 0
        ? (topologySpreadConstraints as unknown as V1TopologySpreadConstraint[])
        : softSpread(cluster, shape.component),
    containers: [container(cluster, shape)],
    volumes: volumes(cluster),
    ...(Object.keys(nodeSelector).length > 0 && { nodeSelector: { ...nodeSelector } }),
    ...(affinity !== undefined && { affinity: affinity as V1Affinity }),
    ...(tolerations.length > 0 && { tolerations: tolerations as unknown as V1Toleration[] }),
    ...(priorityClassName !== undefined && { priorityClassName }),
    ...(imagePullSecrets.length > 0 && { imagePullSecrets: imagePullSecrets.map(({ name }) => ({ name })) }),
  };
  const restartedAt = cluster.metadata.annotations?.[annotations.restartedAt];
  const metadata = {
    labels: { ...podTemplate.metadata.labels, ...labelsOf(cluster, shape.component) },
    annotations: {
      ...podTemplate.metadata.annotations,
      [annotations.settingsHash]: settingsHash(cluster),
      ...(restartedAt !== undefined && { [annotations.restartedAt]: restartedAt }),
    },
  };
  const hash = hashOf({ metadata, spec });
  return {
    metadata: { ...metadata, annotations: { ...metadata.annotations, [annotations.templateHash]: hash } },
    spec,
  };
}

function container(cluster: ChainCluster, shape: PodShape): V1Container {
  const probe = (path: string) => ({ httpGet: { path, port: 'admin' } });
  return {
    name: shape.component,
    image: shape.image,
    imagePullPolicy: cluster.spec.imagePullPolicy,
    command: ['node', shape.main, '--config', configFile],
    env: environment(cluster, shape),
    ports: shape.ports.map(({ name, containerPort }) => ({ name, containerPort, protocol: 'TCP' })),
    resources: toQuantities(shape.resources),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    // Opening a large store takes long; until then neither of the other probes is asked.
    startupProbe: {
      ...probe('/livez'),
      periodSeconds: startupPeriodSeconds,
      timeoutSeconds: 3,
      failureThreshold: startupLimitSeconds / startupPeriodSeconds,
    },
    readinessProbe: { ...probe('/readyz'), periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 3 },
    // Event loop and disk only: a restart heals neither peers nor the API.
    livenessProbe: { ...probe('/livez'), periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
    volumeMounts: [
      { name: 'config', mountPath: configFolder, readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
      ...shape.mounts,
    ],
  };
}

/** The user's variables win, except over those that say who the pod is. */
function environment(cluster: ChainCluster, shape: PodShape): V1EnvVar[] {
  const identity: V1EnvVar[] = [
    fromField('POD_NAME', 'metadata.name'),
    fromField('POD_NAMESPACE', 'metadata.namespace'),
    fromField('POD_IP', 'status.podIP'),
    fromField('NODE_NAME', 'spec.nodeName'),
    // Empty on clusters that do not copy the zone of a node to its pods; the host is the failure domain then.
    fromField('ZONE', "metadata.labels['topology.kubernetes.io/zone']"),
  ];
  const heap = heapMiB(shape.resources);
  const defaults: V1EnvVar[] =
    heap === undefined ? [] : [{ name: 'NODE_OPTIONS', value: `--max-old-space-size=${heap}` }];
  const fixed = new Set([...identity, ...shape.env].map(({ name }) => name));
  const users = (cluster.spec.podTemplate.env as unknown as V1EnvVar[]).filter(
    ({ name }) => !fixed.has(name),
  );
  const chosen = new Set(users.map(({ name }) => name));
  return [...identity, ...shape.env, ...defaults.filter(({ name }) => !chosen.has(name)), ...users];
}

function heapMiB(resources: Resources): bigint | undefined {
  const limit = quantity(String(resources.limits?.memory ?? ''));
  return limit === undefined ? undefined : (limit * heapPercent) / 100n / nanosPerMiB;
}

function fromField(name: string, fieldPath: string): V1EnvVar {
  return { name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
}

function volumes(cluster: ChainCluster): V1Volume[] {
  return [
    { name: 'config', configMap: { name: namesOf(cluster).config } },
    { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
  ];
}

/** Apart where there is room; a small or full Kubernetes cluster still runs them all. */
function softSpread(cluster: ChainCluster, component: Component): V1TopologySpreadConstraint[] {
  return ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: selectorLabels(cluster, component) },
  }));
}

function toQuantities({ requests, limits }: Resources): {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
} {
  const texts = (values: Readonly<Record<string, string | number>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
  return {
    ...(requests !== undefined && { requests: texts(requests) }),
    ...(limits !== undefined && { limits: texts(limits) }),
  };
}
