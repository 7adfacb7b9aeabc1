import type { ChainCluster } from '../../manifest/types.ts';
import { chainsResting } from '../coordinator-view.ts';
import { annotations, claimName, ordinalOf } from '../objects/names.ts';
import type { Observed } from '../observed.ts';
import { isReady } from '../pod-health.ts';
import { refOf } from '../runtime/kube-object.ts';
import { type Action, blocked, done, type Outcome, type Step, someOf, waiting } from './step.ts';

/**
 * Gives up one storage node's volume and lets the node come back empty, by an annotation on the resource. What is
 * being replaced is remembered on the resource, by uid: an operator that starts in between neither stops half-way nor
 * deletes the new volume too.
 */
export const replacing: Step = { name: 'replace', disruptive: true, decide };

interface Replacement {
  pod: string;
  claimUid: string;
  podUid: string;
}

function decide(observed: Observed): Outcome {
  const { cluster } = observed;
  const running = readReplacement(cluster);
  if (running !== undefined) return goOn(observed, running);
  const asked = cluster.metadata.annotations?.[annotations.replace];
  return asked === undefined ? done() : begin(observed, asked);
}

function begin(observed: Observed, pod: string): Outcome {
  const { cluster, nodePods, claims } = observed;
  const ordinal = ordinalOf(cluster, 'node', pod);
  if (ordinal === undefined || ordinal >= cluster.spec.nodes) {
    return refused(`${pod} is no storage node of this cluster.`);
  }
  const unsafe = whyUnsafe(observed, pod);
  if (unsafe !== undefined) return unsafe;
  const replacement: Replacement = {
    pod,
    claimUid:
      claims.find(({ metadata }) => metadata.name === claimName(cluster, ordinal))?.metadata.uid ?? '',
    podUid: nodePods.find(({ metadata }) => metadata.name === pod)?.metadata.uid ?? '',
  };
  return waiting('NodeReplacing', `Replacing ${pod}.`, [
    annotate(cluster, { [annotations.replacing]: JSON.stringify(replacement) }),
    event(
      'NodeReplaceStarted',
      `Giving up the volume of ${pod}; the node comes back empty and is filled again.`,
    ),
  ]);
}

function goOn(observed: Observed, { pod, claimUid, podUid }: Replacement): Outcome {
  const { cluster, nodePods, claims, view } = observed;
  const livePod = nodePods.find(({ metadata }) => metadata.name === pod);
  const liveClaim = claims.find(({ metadata }) => metadata.uid === claimUid);
  if (liveClaim !== undefined || livePod?.metadata.uid === podUid) {
    const begun = liveClaim === undefined || isDeleting(liveClaim);
    const unsafe = begun ? undefined : whyUnsafe(observed, pod);
    if (unsafe !== undefined) return unsafe;
    // The claim first: it stays as long as its pod, so that the new pod cannot find the old volume.
    const doomed = [liveClaim, livePod?.metadata.uid === podUid ? livePod : undefined].filter(
      (o) => o !== undefined,
    );
    const removals = doomed.filter((object) => !isDeleting(object));
    return waiting(
      'NodeReplacing',
      `Waiting for pod ${pod} and its old volume to go. If its machine is lost for good, delete the pod by force.`,
      removals.map((object) => ({ do: 'delete', ref: refOf(object), uid: object.metadata.uid })),
    );
  }
  const filled =
    view.is === 'known' &&
    view.view.nodes.some(({ name, admitted }) => name === pod && admitted) &&
    view.view.chains.every(({ full }) => full);
  if (livePod === undefined || !isReady(livePod) || !filled) {
    return waiting('NodeReplacing', `Waiting for ${pod} to be admitted and every chain to be full again.`);
  }
  return done([
    annotate(cluster, { [annotations.replacing]: null, [annotations.replace]: null }),
    event('NodeReplaced', `${pod} has a new volume and every chain is full.`),
  ]);
}

/** Nobody's last copy may go, and whether it is one only the coordinator can say. */
function whyUnsafe({ view }: Observed, pod: string): Outcome | undefined {
  if (view.is === 'unknown') {
    const message =
      `Replacing ${pod} waits for the coordinator, which must say ` +
      `that its chains are served elsewhere: ${view.because}.`;
    return waiting('NodeReplacing', message);
  }
  const last = chainsResting(view.view, pod);
  if (last.length === 0) return undefined;
  return refused(`${pod} holds the only serving replica of slot ${someOf(last.map(({ slot }) => slot))}.`);
}

function refused(why: string): Outcome {
  return blocked(
    'ReplaceRefused',
    `${why} To withdraw the request remove the annotation ${annotations.replace}.`,
  );
}

function readReplacement(cluster: ChainCluster): Replacement | undefined {
  const text = cluster.metadata.annotations?.[annotations.replacing];
  if (text === undefined) return undefined;
  try {
    const { pod, claimUid, podUid } = JSON.parse(text) as Record<keyof Replacement, unknown>;
    if (typeof pod === 'string' && typeof claimUid === 'string' && typeof podUid === 'string') {
      return { pod, claimUid, podUid };
    }
  } catch {
    // Falls through: somebody edited what is ours; the request itself still stands and is begun anew.
  }
  return undefined;
}

function isDeleting(object: { metadata: { deletionTimestamp?: string } }): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

function annotate(cluster: ChainCluster, changes: Record<string, string | null>): Action {
  const { resourceVersion } = cluster.metadata;
  return { do: 'patch', ref: refOf(cluster), patch: { metadata: { resourceVersion, annotations: changes } } };
}

function event(reason: string, note: string): Action {
  return { do: 'event', event: { type: 'Normal', reason, action: 'Replace', note } };
}
