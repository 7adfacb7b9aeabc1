import type { Pod } from './objects/kinds.ts';
import { annotations } from './objects/names.ts';

/** A restarted pod that is not ready after this long is taken for one that does not come back. */
export const comeBackMs = 600_000;

export function isReady(pod: Pod): boolean {
  return !isTerminating(pod) && readyCondition(pod)?.status === 'True';
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** How long the pod has been ready; 0 when it is not. */
export function readyForMs(pod: Pod, nowMs: number): number {
  const since = readyCondition(pod)?.lastTransitionTime;
  return isReady(pod) && since !== undefined ? Math.max(0, nowMs - Date.parse(since)) : 0;
}

/** How long the pod has not been ready, from its creation or from when it stopped being ready. */
export function unreadyForMs(pod: Pod, nowMs: number): number {
  if (isReady(pod)) return 0;
  const since = readyCondition(pod)?.lastTransitionTime ?? pod.metadata.creationTimestamp;
  return since === undefined ? 0 : Math.max(0, nowMs - Date.parse(since));
}

export function hasTemplate(pod: Pod, hash: string): boolean {
  return pod.metadata.annotations?.[annotations.templateHash] === hash;
}

/** True when no process of the pod runs, so that deleting the pod takes nothing away. */
export function isNotRunning(pod: Pod): boolean {
  return !(pod.status?.containerStatuses ?? []).some(({ state }) => state?.running !== undefined);
}

/** Why the pod cannot run, in words that stay the same while it tries; `undefined` while it may only need time. */
export function whyBroken(pod: Pod): string | undefined {
  for (const { state } of pod.status?.containerStatuses ?? []) {
    const why = brokenReasons.get(state?.waiting?.reason ?? '');
    if (why !== undefined) return why;
  }
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') return `no machine takes it (${scheduled.message ?? 'no reason given'})`;
  return undefined;
}

/** Kubernetes alternates between some of these, and puts waits into their messages. */
const brokenReasons = new Map([
  ['CrashLoopBackOff', 'its container ends again and again; see its log'],
  ['RunContainerError', 'its container cannot be started'],
  ['CreateContainerConfigError', 'its container refers to something that does not exist'],
  ['CreateContainerError', 'its container cannot be created'],
  ['ErrImageNeverPull', 'its image is not on the machine and must not be pulled'],
  ['ErrImagePull', 'its image cannot be pulled'],
  ['ImagePullBackOff', 'its image cannot be pulled'],
  ['InvalidImageName', 'its image name is invalid'],
]);

function readyCondition(pod: Pod) {
  return pod.status?.conditions?.find(({ type }) => type === 'Ready');
}
