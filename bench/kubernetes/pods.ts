/** Pods as Kubernetes shows them: with all that its controllers, API server and kubelets add to a template. */
import type { ContainerStatus, Pod, StatefulSet } from '../../operator/objects/kinds.ts';
import { templateHashOf } from '../../operator/objects/stateful-sets.ts';

/** As the StatefulSet controller makes it. */
export function newPod(set: StatefulSet, ordinal: number): Pod {
  const { template, serviceName, volumeClaimTemplates = [] } = set.spec;
  const { name: owner, namespace = 'default', uid = '' } = set.metadata;
  const name = `${owner}-${ordinal}`;
  const { metadata, spec } = template;
  const claims = volumeClaimTemplates.map((claim) => ({
    name: claim.metadata.name,
    persistentVolumeClaim: { claimName: `${claim.metadata.name}-${name}` },
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: {
        ...metadata.labels,
        'apps.kubernetes.io/pod-index': String(ordinal),
        'controller-revision-hash': `${owner}-${templateHashOf(set)}`,
        'statefulset.kubernetes.io/pod-name': name,
      },
      annotations: metadata.annotations,
      creationTimestamp: now(),
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          name: owner,
          uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      ...spec,
      ...addedToSpec,
      hostname: name,
      ...(serviceName !== undefined && { subdomain: serviceName }),
      containers: spec.containers.map((each) => ({ ...addedToContainer, ...each })),
      volumes: [
        ...(spec.volumes ?? []),
        ...claims,
        ...(spec.automountServiceAccountToken ? [tokenVolume] : []),
      ],
    } as Pod['spec'],
    status: { phase: 'Pending' },
  };
}

/** Its containers run at this address, but it is not ready. */
export function running(pod: Pod, podIP: string): Pod {
  return {
    ...pod,
    spec: { ...pod.spec, nodeName: 'worker-1' },
    status: {
      phase: 'Running',
      podIP,
      ...({
        hostIP: '192.0.2.1',
        podIPs: [{ ip: podIP }],
        qosClass: 'Burstable',
        startTime: now(),
      } as object),
      conditions: conditions(false),
      containerStatuses: pod.spec.containers.map((each) => containerStatus(each, false)),
    },
  };
}

export function ready(pod: Pod): Pod {
  return {
    ...pod,
    status: {
      ...pod.status,
      conditions: conditions(true),
      containerStatuses: pod.spec.containers.map((each) => containerStatus(each, true)),
    },
  };
}

function conditions(isReady: boolean) {
  const lastTransitionTime = now();
  const of = (type: string, holds: boolean) => ({
    type,
    status: holds ? 'True' : 'False',
    lastTransitionTime,
  });
  return [
    of('PodReadyToStartContainers', true),
    of('Initialized', true),
    of('Ready', isReady),
    of('ContainersReady', isReady),
    of('PodScheduled', true),
  ];
}

function containerStatus({ name, image = '' }: { name: string; image?: string }, isReady: boolean) {
  const id = 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef';
  const known: ContainerStatus = { name, image, restartCount: 0, state: { running: { startedAt: now() } } };
  return {
    ...known,
    ready: isReady,
    started: true,
    imageID: `${image}@${id}`,
    containerID: `containerd://${id}`,
    lastState: {},
  };
}

const addedToSpec = {
  dnsPolicy: 'ClusterFirst',
  restartPolicy: 'Always',
  schedulerName: 'default-scheduler',
  preemptionPolicy: 'PreemptLowerPriority',
  priority: 0,
  tolerations: ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].map((key) => ({
    effect: 'NoExecute',
    key,
    operator: 'Exists',
    tolerationSeconds: 300,
  })),
};

const addedToContainer = {
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
};

const tokenVolume = {
  name: 'kube-api-access-00000',
  projected: {
    defaultMode: 420,
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
      {
        downwardAPI: {
          items: [{ fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' }, path: 'namespace' }],
        },
      },
    ],
  },
};

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
