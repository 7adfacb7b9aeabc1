/**
 * What the operator itself may do, beside the code that does it; the chart renders this table. It holds no rule that
 * no step needs, no wildcard and no secret. The operator also needs what it hands on to the coordinators (their Lease
 * and state), since nobody can grant what he does not have.
 */
export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** In every watched namespace. */
export const namespacedRules: readonly Rule[] = [
  { apiGroups: ['chaincluster.dev'], resources: ['chainclusters'], verbs: ['get', 'list', 'watch', 'patch'] },
  { apiGroups: ['chaincluster.dev'], resources: ['chainclusters/status'], verbs: ['patch'] },
  { apiGroups: ['chaincluster.dev'], resources: ['chainclusters/finalizers'], verbs: ['update'] },
  {
    apiGroups: [''],
    resources: ['configmaps', 'services', 'serviceaccounts'],
    verbs: ['create', 'get', 'list', 'watch', 'patch', 'update'],
  },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch', 'patch', 'delete'] },
  {
    apiGroups: [''],
    resources: ['persistentvolumeclaims'],
    verbs: ['get', 'list', 'watch', 'patch', 'delete'],
  },
  {
    apiGroups: ['apps'],
    resources: ['statefulsets'],
    verbs: ['create', 'get', 'list', 'watch', 'patch', 'delete'],
  },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get', 'patch', 'update'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
  {
    apiGroups: ['monitoring.coreos.com'],
    resources: ['podmonitors'],
    verbs: ['create', 'get', 'patch', 'delete'],
  },
  {
    apiGroups: ['networking.k8s.io'],
    resources: ['networkpolicies'],
    verbs: ['create', 'get', 'list', 'watch', 'patch', 'delete'],
  },
  {
    apiGroups: ['policy'],
    resources: ['poddisruptionbudgets'],
    verbs: ['create', 'get', 'list', 'watch', 'patch', 'delete'],
  },
  {
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: ['roles', 'rolebindings'],
    verbs: ['create', 'get', 'list', 'watch', 'patch'],
  },
];

/** Once for the whole Kubernetes cluster; without it the API server alone decides whether a volume may grow. */
export const clusterRules: readonly Rule[] = [
  { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get'] },
];
