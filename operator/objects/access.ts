import type { ChainCluster } from '../../manifest/types.ts';
import type { KubeObject } from '../runtime/kube-object.ts';
import type { ConfigMap, Role, RoleBinding, ServiceAccount } from './kinds.ts';
import { annotations, childMeta, keptMeta, namesOf } from './names.ts';

/**
 * Who may do what: storage nodes nothing; a coordinator may read and change its Lease and its state by name,
 * and create none. That is why the operator makes them, empty.
 */
export function buildAccess(cluster: ChainCluster): KubeObject[] {
  const names = namesOf(cluster);
  return [
    account(cluster, names.nodeAccount, 'node'),
    account(cluster, names.coordinatorAccount, 'coordinator'),
    role(cluster),
    roleBinding(cluster),
  ];
}

export function buildLease(cluster: ChainCluster): KubeObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: childMeta(cluster, namesOf(cluster).lease, 'coordinator'),
  };
}

/**
 * The object that holds the coordinators' state; its data is the coordinators' alone. Where volumes are kept after
 * the cluster's deletion, the state and the cluster's id are kept too: the volumes would be useless without.
 */
export function buildState(cluster: ChainCluster, clusterId: string): ConfigMap {
  const meta = cluster.spec.storage.retention.whenDeleted === 'Retain' ? keptMeta : childMeta;
  const { state } = namesOf(cluster);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      ...meta(cluster, state, 'coordinator'),
      ...(clusterId !== '' && { annotations: { [annotations.clusterId]: clusterId } }),
    },
  };
}

function account(cluster: ChainCluster, name: string, component: 'node' | 'coordinator'): ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: childMeta(cluster, name, component),
    automountServiceAccountToken: false,
  };
}

function role(cluster: ChainCluster): Role {
  const names = namesOf(cluster);
  const verbs = ['get', 'update', 'patch'];
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: childMeta(cluster, names.coordinatorAccount, 'coordinator'),
    rules: [
      { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: [names.lease], verbs },
      { apiGroups: [''], resources: ['configmaps'], resourceNames: [names.state], verbs },
    ],
  };
}

function roleBinding(cluster: ChainCluster): RoleBinding {
  const { coordinatorAccount: name } = namesOf(cluster);
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: childMeta(cluster, name, 'coordinator'),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace: cluster.metadata.namespace ?? 'default' }],
  };
}
