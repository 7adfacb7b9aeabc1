import type {
  V1PersistentVolumeClaimSpec,
  V1PodDisruptionBudgetSpec,
  V1PodSpec,
  V1PolicyRule,
  V1RoleRef,
  V1ServiceSpec,
  V1StatefulSetSpec,
} from '@kubernetes/client-node';
import type { KubeObject } from '../runtime/kube-object.ts';

/** The kinds that the builders make and the steps read, as raw JSON. */

export interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: V1PodSpec;
}

export interface VolumeClaimTemplate {
  metadata: { name: string; labels: Record<string, string> };
  spec: V1PersistentVolumeClaimSpec;
}

export interface StatefulSet extends KubeObject {
  spec: Omit<V1StatefulSetSpec, 'template' | 'volumeClaimTemplates'> & {
    replicas: number;
    template: PodTemplate;
    volumeClaimTemplates?: VolumeClaimTemplate[];
  };
  status?: { replicas?: number; readyReplicas?: number; observedGeneration?: number };
}

export interface Service extends KubeObject {
  spec: V1ServiceSpec;
}

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

export interface ServiceAccount extends KubeObject {
  automountServiceAccountToken?: boolean;
}

export interface Role extends KubeObject {
  rules: V1PolicyRule[];
}

export interface RoleBinding extends KubeObject {
  roleRef: V1RoleRef;
  subjects: { kind: 'ServiceAccount'; name: string; namespace: string }[];
}

export interface PodDisruptionBudget extends KubeObject {
  spec: V1PodDisruptionBudgetSpec;
}

export interface Pod extends KubeObject {
  spec: { nodeName?: string; containers: { name: string; image?: string }[] };
  status?: PodStatus;
}

export interface PodStatus {
  phase?: string;
  reason?: string;
  podIP?: string;
  conditions?: {
    type: string;
    status: string;
    reason?: string;
    message?: string;
    lastTransitionTime?: string;
  }[];
  containerStatuses?: ContainerStatus[];
}

export interface ContainerStatus {
  name: string;
  image?: string;
  restartCount: number;
  state?: {
    waiting?: { reason?: string; message?: string };
    terminated?: { reason?: string; exitCode?: number };
    running?: object;
  };
}

export interface PersistentVolumeClaim extends KubeObject {
  spec: { storageClassName?: string; resources?: { requests?: Record<string, string> } };
  status?: {
    phase?: string;
    capacity?: Record<string, string>;
    conditions?: { type: string; status: string; message?: string }[];
  };
}

export interface StorageClass extends KubeObject {
  allowVolumeExpansion?: boolean;
}
