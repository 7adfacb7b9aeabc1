import type { ConfigMap, Pod, PodStatus } from './objects/kinds.ts';
import type { KubeObject } from './runtime/kube-object.ts';

/**
 * What of a watched child is kept in memory. Pods are many, and most of one is nobody's question here; the state of the
 * coordinators may be near a megabyte for each cluster, and is theirs alone.
 */
export function kept(object: KubeObject): KubeObject {
  if (object.kind === 'Pod') return podInShort(object as Pod);
  return isStateOfCoordinators(object) ? withoutData(object) : object;
}

export function isStateOfCoordinators({ kind, metadata }: KubeObject): boolean {
  return kind === 'ConfigMap' && metadata.labels?.['app.kubernetes.io/component'] === 'coordinator';
}

/** What the type of pods names, of all that the API server shows. */
function podInShort({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { nodeName, containers } = spec;
  return {
    apiVersion,
    kind,
    metadata,
    spec: {
      containers: containers.map(({ name, image }) => ({ name, ...(image !== undefined && { image }) })),
      ...(nodeName !== undefined && { nodeName }),
    },
    ...(status !== undefined && { status: statusInShort(status) }),
  };
}

function statusInShort({ phase, reason, podIP, conditions, containerStatuses }: PodStatus): PodStatus {
  return {
    ...(phase !== undefined && { phase }),
    ...(reason !== undefined && { reason }),
    ...(podIP !== undefined && { podIP }),
    ...(conditions !== undefined && { conditions }),
    ...(containerStatuses !== undefined && {
      containerStatuses: containerStatuses.map(({ name, image, restartCount, state }) => ({
        name,
        restartCount,
        ...(image !== undefined && { image }),
        ...(state !== undefined && { state }),
      })),
    }),
  };
}

function withoutData(object: KubeObject): KubeObject {
  const { data: _, binaryData: __, ...rest } = object as ConfigMap & { binaryData?: unknown };
  return rest;
}
