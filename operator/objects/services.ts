import type { ChainCluster } from '../../manifest/types.ts';
import type { Service } from './kinds.ts';
import { type Component, childMeta, namesOf, ports, selectorLabels } from './names.ts';

/** The client Service (ready nodes only) and the two headless ones that give pods their names. */
export function buildServices(cluster: ChainCluster): Service[] {
  const names = namesOf(cluster);
  return [
    clientService(cluster),
    headless(cluster, names.nodeService, 'node', ports.node),
    headless(cluster, names.coordinatorService, 'coordinator', ports.coordinator),
  ];
}

function clientService(cluster: ChainCluster): Service {
  const { type, annotations } = cluster.spec.service;
  const metadata = childMeta(cluster, namesOf(cluster).clientService, 'node');
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: Object.keys(annotations).length > 0 ? { ...metadata, annotations } : metadata,
    spec: {
      type,
      selector: selectorLabels(cluster, 'node'),
      ports: [
        { name: 'client', port: ports.node.client, targetPort: 'client', protocol: 'TCP' },
        {
          name: 'grpc',
          port: ports.node.grpc,
          targetPort: 'grpc',
          protocol: 'TCP',
          appProtocol: 'kubernetes.io/h2c',
        },
      ],
    },
  };
}

/** Joining nodes and electing coordinators must find one another before they are ready. */
function headless(
  cluster: ChainCluster,
  name: string,
  component: Component,
  named: Readonly<Record<string, number>>,
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: childMeta(cluster, name, component),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selectorLabels(cluster, component),
      ports: Object.entries(named).map(([port, number]) => ({
        name: port,
        port: number,
        targetPort: port,
        protocol: 'TCP',
      })),
    },
  };
}
