import type { ChainCluster } from '../../manifest/types.ts';
import type { KubeObject } from '../runtime/kube-object.ts';
import type { PodDisruptionBudget } from './kinds.ts';
import { type Component, childMeta, labelsOf, namesOf, ports, selectorLabels } from './names.ts';

/**
 * One pod of each component may be down on purpose. A pod that is broken anyway never blocks the drain of a machine.
 */
export function buildBudgets(cluster: ChainCluster): PodDisruptionBudget[] {
  const names = namesOf(cluster);
  return [budget(cluster, names.nodes, 'node'), budget(cluster, names.coordinators, 'coordinator')];
}

function budget(cluster: ChainCluster, name: string, component: Component): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: childMeta(cluster, name, component),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selectorLabels(cluster, component) },
    },
  };
}

interface NetworkPolicy extends KubeObject {
  spec: {
    podSelector: { matchLabels: Record<string, string> };
    policyTypes: ['Ingress'];
    ingress: { from?: object[]; ports: { port: number; protocol: 'TCP' }[] }[];
  };
}

/**
 * Clients reach the client ports from everywhere; everything else is for pods of the same cluster, and the admin ports
 * also for the operator and for Prometheus.
 */
export function buildNetworkPolicy(cluster: ChainCluster, operatorNamespace: string): NetworkPolicy {
  const anywhere = [ports.node.client, ports.node.grpc];
  const admin = [ports.node.admin, ports.coordinator.admin];
  const inside = [...Object.values(ports.node), ...Object.values(ports.coordinator)];
  const tcp = (numbers: number[]) => numbers.map((port) => ({ port, protocol: 'TCP' as const }));
  const operator = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': operatorNamespace } },
    podSelector: { matchLabels: { 'app.kubernetes.io/name': 'chaincluster-operator' } },
  };
  const prometheus = {
    namespaceSelector: {},
    podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } },
  };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: childMeta(cluster, namesOf(cluster).policy),
    spec: {
      podSelector: { matchLabels: selectorLabels(cluster) },
      policyTypes: ['Ingress'],
      ingress: [
        { ports: tcp(anywhere) },
        { from: [{ podSelector: { matchLabels: selectorLabels(cluster) } }], ports: tcp(inside) },
        { from: [operator, prometheus], ports: tcp(admin) },
      ],
    },
  };
}

interface PodMonitor extends KubeObject {
  spec: {
    selector: { matchLabels: Record<string, string> };
    podTargetLabels: string[];
    podMetricsEndpoints: { port: string; path: string }[];
  };
}

/** Asks the Prometheus operator to scrape every pod of the cluster. */
export function buildPodMonitor(cluster: ChainCluster): PodMonitor {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: childMeta(cluster, namesOf(cluster).policy),
    spec: {
      selector: { matchLabels: selectorLabels(cluster) },
      podTargetLabels: Object.keys(labelsOf(cluster, 'node')).filter(
        (label) => !label.endsWith('managed-by'),
      ),
      podMetricsEndpoints: [{ port: 'admin', path: '/metrics' }],
    },
  };
}
