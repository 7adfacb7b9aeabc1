/** What kubelets do with pods: after a while they run, then they are ready; deleted ones end after another while. */
import type { Pod } from '../../operator/objects/kinds.ts';
import type { FakeApiServer } from '../../operator/runtime/fake-api-server.ts';
import { keyOf } from '../../operator/runtime/kube-object.ts';
import { collectionPath, resourceOf } from '../../operator/runtime/resources.ts';
import type { Later } from './later.ts';
import { ready, running } from './pods.ts';

export interface PodTimings {
  readonly startMs: number;
  /** From running to ready. */
  readonly readyMs: number;
  readonly endMs: number;
}

/** Gives each pod an address, and takes it back when the pod has ended. */
export interface Addresses {
  take(pod: Pod): Promise<string>;
  giveBack(pod: Pod): void;
}

export function runKubelet(
  server: FakeApiServer,
  later: Later,
  addresses: Addresses,
  timings: PodTimings,
): void {
  server.onChange(({ type, object }) => {
    if (object.kind !== 'Pod') return;
    const pod = object as Pod;
    if (type === 'ADDED') later.after(timings.startMs, () => void start(pod));
    if (type === 'DELETED') addresses.giveBack(pod);
    if (type === 'MODIFIED' && pod.metadata.deletionTimestamp !== undefined) {
      later.soon(`end ${pod.metadata.uid}`, () => later.after(timings.endMs, () => end(pod)));
    }
  });

  async function start(pod: Pod): Promise<void> {
    const address = await addresses.take(pod);
    if (liveOf(pod) === undefined) return addresses.giveBack(pod);
    change(pod, (live) => running(live, address));
    later.after(timings.readyMs, () => change(pod, ready));
  }

  function end(pod: Pod): void {
    if (liveOf(pod) !== undefined) server.remove(podsPath(pod), pod.metadata.name);
  }

  function change(pod: Pod, how: (live: Pod) => Pod): void {
    const live = liveOf(pod);
    if (live !== undefined && live.metadata.deletionTimestamp === undefined) server.put(how(live));
  }

  /** The same pod, not its successor of the same name. */
  function liveOf(pod: Pod): Pod | undefined {
    const live = server.get(podsPath(pod), pod.metadata.name) as Pod | undefined;
    return live?.metadata.uid === pod.metadata.uid ? live : undefined;
  }
}

function podsPath(pod: Pod): string {
  return collectionPath(resourceOf('Pod'), pod.metadata.namespace);
}

/** Names a pod among all, its successors of the same name left out. */
export function identityOf(pod: Pod): string {
  return `${keyOf(pod)} ${pod.metadata.uid}`;
}
