import type { ObjectRef } from './kube-object.ts';

/** One kind of object that the operator touches. A fixed table saves a discovery call and names what RBAC must allow. */
export interface Resource {
  apiVersion: string;
  kind: string;
  plural: string;
  namespaced: boolean;
}

export const resources: readonly Resource[] = [
  namespaced('chaincluster.dev/v1alpha1', 'ChainCluster', 'chainclusters'),
  namespaced('v1', 'ConfigMap', 'configmaps'),
  namespaced('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  namespaced('v1', 'Pod', 'pods'),
  namespaced('v1', 'Service', 'services'),
  namespaced('v1', 'ServiceAccount', 'serviceaccounts'),
  namespaced('apps/v1', 'StatefulSet', 'statefulsets'),
  namespaced('coordination.k8s.io/v1', 'Lease', 'leases'),
  namespaced('events.k8s.io/v1', 'Event', 'events'),
  namespaced('monitoring.coreos.com/v1', 'PodMonitor', 'podmonitors'),
  namespaced('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  namespaced('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  namespaced('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
  { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', plural: 'storageclasses', namespaced: false },
];

/** @throws Error for a kind that is not in the table: a programming error, never a user's. */
export function resourceOf(kind: string): Resource {
  const found = resources.find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`kind ${kind} is not in the operator's resource table`);
  return found;
}

/** `/api/v1/namespaces/ns/pods`; without a namespace the path spans all of them. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const scope =
    resource.namespaced && namespace !== undefined && namespace !== ''
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : '';
  return `${groupPath(resource.apiVersion)}${scope}/${resource.plural}`;
}

export function objectPath(ref: ObjectRef): string {
  return `${collectionPath(resourceOf(ref.kind), ref.namespace)}/${encodeURIComponent(ref.name)}`;
}

/** `/api/v1` for the core group, `/apis/group/version` for the others. */
export function groupPath(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function namespaced(apiVersion: string, kind: string, plural: string): Resource {
  return { apiVersion, kind, plural, namespaced: true };
}
