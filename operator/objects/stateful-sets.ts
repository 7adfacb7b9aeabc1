import type { ChainCluster } from '../../manifest/types.ts';
import type { StatefulSet } from './kinds.ts';
import { annotations, childMeta, dataVolume, labelsOf, namesOf, ports, selectorLabels } from './names.ts';
import { buildPodTemplate } from './pod-template.ts';

const dataFolder = '/var/lib/chaincluster';

/**
 * The storage nodes. All pods start at once (a node is ready only when admitted, so waiting for one another would be a
 * deadlock), and only the operator restarts them, one at a time.
 */
export function buildNodes(
  cluster: ChainCluster,
  { image, replicas }: { image: string; replicas: number },
): StatefulSet {
  const { storage, resources } = cluster.spec;
  const names = namesOf(cluster);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: childMeta(cluster, names.nodes, 'node'),
    spec: {
      ...commonSpec(replicas),
      serviceName: names.nodeService,
      selector: { matchLabels: selectorLabels(cluster, 'node') },
      persistentVolumeClaimRetentionPolicy: { ...storage.retention },
      template: buildPodTemplate(cluster, {
        component: 'node',
        image,
        main: 'node/main.ts',
        serviceAccount: names.nodeAccount,
        needsToken: false,
        ports: portList(ports.node),
        resources,
        env: [
          { name: 'DATA_DIR', value: dataFolder },
          // A claim is new only when the operator or a person wants a blank node; the coordinator judges what it may be.
          { name: 'CHAIN_INIT', value: 'true' },
        ],
        mounts: [{ name: dataVolume, mountPath: dataFolder }],
      }),
      volumeClaimTemplates: [
        {
          metadata: { name: dataVolume, labels: labelsOf(cluster, 'node') },
          spec: {
            // Two pods with one store would be two nodes with one identity.
            accessModes: ['ReadWriteOncePod'],
            resources: { requests: { storage: storage.size } },
            ...(storage.storageClassName !== undefined && { storageClassName: storage.storageClassName }),
          },
        },
      ],
    },
  };
}

/** The coordinators. They keep nothing on disk: their state is in the Kubernetes API. */
export function buildCoordinators(cluster: ChainCluster, { image }: { image: string }): StatefulSet {
  const names = namesOf(cluster);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: childMeta(cluster, names.coordinators, 'coordinator'),
    spec: {
      ...commonSpec(cluster.spec.coordinators),
      serviceName: names.coordinatorService,
      selector: { matchLabels: selectorLabels(cluster, 'coordinator') },
      template: buildPodTemplate(cluster, {
        component: 'coordinator',
        image,
        main: 'coordinator/main.ts',
        serviceAccount: names.coordinatorAccount,
        needsToken: true,
        ports: portList(ports.coordinator),
        resources: cluster.spec.coordinatorResources,
        env: [],
        mounts: [],
      }),
    },
  };
}

/** Hash that an up-to-date pod carries. */
export function templateHashOf(set: StatefulSet): string {
  return set.spec.template.metadata.annotations[annotations.templateHash] ?? '';
}

/** Size that new volumes get. */
export function volumeSizeOf(set: StatefulSet): string {
  return set.spec.volumeClaimTemplates?.[0]?.spec.resources?.requests?.storage ?? '0';
}

function commonSpec(replicas: number) {
  return {
    replicas,
    podManagementPolicy: 'Parallel',
    updateStrategy: { type: 'OnDelete' },
    revisionHistoryLimit: 3,
  };
}

function portList(named: Readonly<Record<string, number>>): { name: string; containerPort: number }[] {
  return Object.entries(named).map(([name, containerPort]) => ({ name, containerPort }));
}
