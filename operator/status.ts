import type {
  ChainClusterStatus,
  ChainNotFull,
  ChainsStatus,
  Condition,
  ConditionType,
} from '../manifest/types.ts';
import type { ChainView } from './coordinator-view.ts';
import type { Decision } from './decide.ts';
import type { Pod } from './objects/kinds.ts';
import { type Component, podName, selectorText } from './objects/names.ts';
import { type Observed, targetImage } from './observed.ts';
import { hasTemplate, isReady, whyBroken } from './pod-health.ts';
import { wantedHash } from './steps/rolling.ts';
import { sayLost } from './steps/state.ts';
import { someOf } from './steps/step.ts';

const notFullMax = 32;

/** What the resource's status should say. Pure, and equal as long as nothing changed, so that nothing is written. */
export function buildStatus(observed: Observed, decision: Decision): ChainClusterStatus {
  const { cluster, nodePods, coordinatorPods, view } = observed;
  const hash = wantedHash(observed, 'node');
  const readyImages = [...new Set(nodePods.filter(isReady).map(imageOf))].sort();
  const target = targetImage(observed);
  return {
    observedGeneration: cluster.metadata.generation ?? 0,
    conditions: conditionsOf(observed, decision),
    nodes: nodePods.length,
    readyNodes: nodePods.filter(isReady).length,
    updatedNodes: nodePods.filter((pod) => hasTemplate(pod, hash)).length,
    coordinator: {
      leader: view.is === 'known' ? view.view.leader : '',
      epoch: view.is === 'known' ? view.view.epoch : (cluster.status?.coordinator?.epoch ?? 0),
      ready: coordinatorPods.filter(isReady).length,
    },
    ...(view.is === 'known' && { chains: chainsOf(view.view.chains) }),
    ...(view.is === 'unknown' && cluster.status?.chains !== undefined && { chains: cluster.status.chains }),
    currentImage: readyImages.length === 1 ? (readyImages[0] ?? '') : (cluster.status?.currentImage ?? ''),
    targetImage: target,
    selector: selectorText(cluster, 'node'),
    version: readyImages.map(versionOf).join(' → '),
  };
}

/** A condition without what only the API needs. */
interface Verdict {
  status: Condition['status'];
  reason: string;
  message: string;
}

function conditionsOf(observed: Observed, decision: Decision): Condition[] {
  const verdicts: [ConditionType, Verdict][] = [
    ['Ready', ready(observed, decision)],
    ['Available', available(observed)],
    ['Progressing', progressing(decision)],
    ['Degraded', degraded(observed, decision)],
    ['CoordinatorElected', coordinatorElected(observed)],
    ['ChainsFullyReplicated', chainsFull(observed)],
    ['StateLost', stateLost(observed)],
    ['UpgradeBlocked', upgradeBlocked(decision)],
    ['Paused', paused(observed)],
  ];
  const before = observed.cluster.status?.conditions ?? [];
  const now = `${new Date(observed.nowMs).toISOString().slice(0, 19)}Z`;
  return verdicts.map(([type, verdict]) => {
    const last = before.find((condition) => condition.type === type);
    return {
      type,
      ...verdict,
      observedGeneration: observed.cluster.metadata.generation ?? 0,
      lastTransitionTime: last?.status === verdict.status ? last.lastTransitionTime : now,
    };
  });
}

/** The summary: what a person or a pipeline waits for, with the most telling reason. */
function ready(observed: Observed, decision: Decision): Verdict {
  const { cluster } = observed;
  const moving = firstOf(decision, 'waiting');
  const stuck = firstOf(decision, 'blocked');
  if (cluster.metadata.deletionTimestamp !== undefined) {
    return no('Deleting', moving?.message ?? 'The resource is being deleted.');
  }
  if (stuck !== undefined && hopeless.has(stuck.reason)) return no(stuck.reason, stuck.message);
  if (moving !== undefined) return no(moving.reason, moving.message);
  if (stuck?.reason === 'UpgradeBlocked') return no(stuck.reason, stuck.message);
  const gap = incomplete(observed);
  if (gap !== undefined) return gap;
  if (cluster.spec.paused) {
    return yes('Paused', 'Everything works; changes of the resource wait until paused is false.');
  }
  return yes(stuck?.reason ?? 'Ready', stuck?.message ?? 'All pods are ready and every chain is full.');
}

/** Without these nothing else is carried out. */
const hopeless = new Set(['InvalidSpec', 'ReconcileFailed', 'StateLost']);

/** What is missing from a whole cluster, the most telling first. */
function incomplete(observed: Observed): Verdict | undefined {
  const parts = [coordinatorElected(observed), available(observed), chainsFull(observed)];
  const missing = parts.find(({ status }) => status !== 'True');
  const down = notReady(observed);
  if (missing === undefined && down.length === 0) return undefined;
  const pods = [...observed.nodePods, ...observed.coordinatorPods];
  const sentences = [
    ...pods
      .filter((pod) => whyBroken(pod) !== undefined)
      .map(sayBroken)
      .slice(0, 1),
    ...(missing === undefined ? [] : [missing.message]),
    ...(down.length === 0 ? [] : [`Not ready: ${someOf(down)}.`]),
  ];
  const reason = isEverReady(observed) ? (missing?.reason ?? 'PodsNotReady') : 'Creating';
  return no(reason, sentences.join(' '));
}

function available({ view, cluster }: Observed): Verdict {
  if (view.is === 'unknown') return unseen(view);
  const { total, unavailable } = chainsOf(view.view.chains);
  if (total < cluster.spec.slots)
    return no('ChainsForming', `${total} of ${cluster.spec.slots} chains are formed.`);
  if (unavailable === 0) return yes('ChainsServe', 'Every chain serves reads and writes.');
  const dead = view.view.chains.filter(isUnavailable).map(({ slot }) => slot);
  return no(
    'ChainsUnavailable',
    `No member of the chain of slot ${someOf(dead)} serves. ` +
      'Bring back the pods that held it; see the events of those that are not ready.',
  );
}

function chainsFull({ view, cluster }: Observed): Verdict {
  if (view.is === 'unknown') return unseen(view);
  const { total, full } = chainsOf(view.view.chains);
  const { slots, replicationFactor } = cluster.spec;
  if (full === slots) return yes('AllChainsFull', `Every chain has ${replicationFactor} serving members.`);
  return no(
    'ChainsNotFull',
    `${full} of ${Math.max(total, slots)} chains have ${replicationFactor} serving members; ` +
      'the others are being filled as far as nodes are ready. See status.chains.notFull.',
  );
}

function coordinatorElected({ view, cluster }: Observed): Verdict {
  if (view.is === 'known') return yes('Elected', `${view.view.leader} leads.`);
  if (view.lost !== undefined) return no('StateLost', sayLost(cluster, view.lost));
  return no('NoLeader', unknownText(view.because));
}

function stateLost({ view, cluster }: Observed): Verdict {
  if (view.is === 'unknown' && view.lost !== undefined) return yes('StateLost', sayLost(cluster, view.lost));
  if (view.is === 'unknown') return unknown('CoordinatorUnreachable', unknownText(view.because));
  return no('StateKept', 'No coordinator misses its state.');
}

function progressing(decision: Decision): Verdict {
  const moving = firstOf(decision, 'waiting');
  if (moving !== undefined) return yes(moving.reason, moving.message);
  const stuck = firstOf(decision, 'blocked');
  if (stuck !== undefined) return no(stuck.reason, stuck.message);
  return no('Reconciled', 'The cluster is as the resource says.');
}

function degraded(observed: Observed, decision: Decision): Verdict {
  const stuck = firstOf(decision, 'blocked');
  if (stuck !== undefined) return yes(stuck.reason, stuck.message);
  const pods = [...observed.nodePods, ...observed.coordinatorPods];
  const broken = pods.find((pod) => whyBroken(pod) !== undefined);
  if (broken !== undefined) return yes('PodBroken', sayBroken(broken));
  const gap = incomplete(observed);
  if (gap === undefined) return no('AsDesired', 'Nothing is missing.');
  if (!isEverReady(observed)) return no('Creating', 'The cluster has not been complete yet.');
  return yes(gap.reason, gap.message);
}

function upgradeBlocked(decision: Decision): Verdict {
  const stuck = decision.outcomes
    .map(({ outcome }) => outcome)
    .find((o) => o.is === 'blocked' && o.reason === 'UpgradeBlocked');
  if (stuck?.is === 'blocked') return yes('PodDoesNotComeBack', stuck.message);
  return no('NotBlocked', 'No update is held up.');
}

function paused({ cluster }: Observed): Verdict {
  return cluster.spec.paused
    ? yes('PausedBySpec', 'spec.paused is true: nothing is changed until it is false again.')
    : no('NotPaused', 'Changes of the resource are carried out.');
}

function chainsOf(chains: readonly ChainView[]): ChainsStatus {
  const notFull = chains.filter(({ full }) => !full);
  const unavailable = notFull.filter(isUnavailable);
  const worstFirst = [...unavailable, ...notFull.filter((chain) => !isUnavailable(chain))];
  const full = chains.length - notFull.length;
  return {
    total: chains.length,
    full,
    degraded: notFull.length - unavailable.length,
    unavailable: unavailable.length,
    summary: `${full}/${chains.length}`,
    notFull: worstFirst.slice(0, notFullMax).map(describeChain),
  };
}

function describeChain(chain: ChainView): ChainNotFull {
  const { slot, version, members } = chain;
  return {
    slot,
    version,
    members: members.map(({ node }) => node),
    reason: isUnavailable(chain)
      ? 'NoServingMember'
      : members.some(({ serving }) => !serving)
        ? 'Joining'
        : 'MemberMissing',
  };
}

function isUnavailable({ members }: ChainView): boolean {
  return !members.some(({ serving }) => serving);
}

/** Whether the cluster was complete at some time: its chains were formed once, which they do not unlearn. */
function isEverReady({ cluster }: Observed): boolean {
  const chains = cluster.status?.chains;
  return chains !== undefined && chains.total >= cluster.spec.slots && cluster.status?.currentImage !== '';
}

function firstOf(
  decision: Decision,
  is: 'waiting' | 'blocked',
): { reason: string; message: string } | undefined {
  for (const { outcome } of decision.outcomes) {
    if (outcome.is === is) return { reason: outcome.reason, message: outcome.message };
  }
  return undefined;
}

/** Names of the pods that should be ready and are not; those that are to go do not count. */
function notReady(observed: Observed): string[] {
  const { cluster, nodePods, coordinatorPods } = observed;
  const ready = new Set(
    [...nodePods, ...coordinatorPods].filter(isReady).map(({ metadata }) => metadata.name),
  );
  const names = (component: Component, count: number) =>
    Array.from({ length: count }, (_, ordinal) => podName(cluster, component, ordinal));
  const wanted = [...names('node', cluster.spec.nodes), ...names('coordinator', cluster.spec.coordinators)];
  return wanted.filter((name) => !ready.has(name));
}

function sayBroken(pod: Pod): string {
  return `${pod.metadata.name}: ${whyBroken(pod)}.`;
}

function imageOf(pod: { spec: { containers: { image?: string }[] } }): string {
  return pod.spec.containers[0]?.image ?? '';
}

/** The tag of an image, or the beginning of its digest. */
function versionOf(image: string): string {
  const [name = '', digest] = image.split('@');
  const tag = /:([^/:]+)$/.exec(name)?.[1];
  return tag ?? digest?.slice(0, 19) ?? 'latest';
}

function unseen({ because, lost }: Extract<Observed['view'], { is: 'unknown' }>): Verdict {
  return lost === undefined
    ? unknown('CoordinatorUnreachable', unknownText(because))
    : unknown(
        'StateLost',
        'The chains cannot be seen before the state is recovered. What serves goes on serving.',
      );
}

function unknownText(because: string): string {
  return `The chains cannot be seen: ${because}. What serves goes on serving; look at the coordinator pods.`;
}

function yes(reason: string, message: string): Verdict {
  return { status: 'True', reason, message };
}

function no(reason: string, message: string): Verdict {
  return { status: 'False', reason, message };
}

function unknown(reason: string, message: string): Verdict {
  return { status: 'Unknown', reason, message };
}
