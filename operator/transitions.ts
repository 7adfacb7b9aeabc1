import type { ChainClusterStatus, Condition, ConditionType } from '../manifest/types.ts';
import type { EventInit } from './runtime/event-recorder.ts';

/** Events for what changed from one status to the next; none while nothing changes. */
export function transitions(before: ChainClusterStatus | undefined, after: ChainClusterStatus): EventInit[] {
  const events: EventInit[] = [];
  const was = (type: ConditionType) => conditionOf(before, type);
  const is = (type: ConditionType) => conditionOf(after, type);
  const turned = (type: ConditionType, to: Condition['status']) =>
    is(type)?.status === to && was(type)?.status !== to;
  const tell = (type: EventInit['type'], reason: string, action: string, note: string | undefined) =>
    events.push({ type, reason, action, note: note ?? reason });

  const leader = after.coordinator?.leader ?? '';
  if (leader !== '' && leader !== (before?.coordinator?.leader ?? '')) {
    tell('Normal', 'LeaderElected', 'Elect', `${leader} leads the coordinators.`);
  }
  if (turned('StateLost', 'True')) tell('Warning', 'StateLost', 'Observe', is('StateLost')?.message);
  if (turned('StateLost', 'False') && was('StateLost')?.status === 'True') {
    tell('Normal', 'StateRecovered', 'Observe', is('StateLost')?.message);
  }
  if (
    before !== undefined &&
    is('StateLost')?.status !== 'True' &&
    isLoud(after, 'CoordinatorElected', 'False') &&
    !isLoud(before, 'CoordinatorElected', 'False')
  ) {
    tell('Warning', 'LeaderLost', 'Elect', is('CoordinatorElected')?.message);
  }
  if (turned('Ready', 'True')) tell('Normal', 'Ready', 'Reconcile', is('Ready')?.message);
  if (turned('Available', 'False') && was('Available')?.status === 'True') {
    tell('Warning', 'ChainsUnavailable', 'Observe', is('Available')?.message);
  }
  if (turned('Paused', 'True')) tell('Normal', 'ReconcilePaused', 'Pause', is('Paused')?.message);
  if (turned('Paused', 'False') && was('Paused') !== undefined) {
    tell('Normal', 'ReconcileResumed', 'Resume', is('Paused')?.message);
  }
  const [moved, moves] = [was('Progressing')?.reason, is('Progressing')?.reason];
  for (const [reason, start, end, note] of phases) {
    if (moves === reason && moved !== reason) tell('Normal', start, reason, is('Progressing')?.message);
    if (moved === reason && moves === 'Reconciled') tell('Normal', end, reason, note);
  }
  if (isLoud(after, 'Degraded', 'True')) {
    const reason = is('Degraded')?.reason ?? 'Degraded';
    const told = isLoud(before, 'Degraded', 'True') && was('Degraded')?.reason === reason;
    if (!told && reason !== 'StateLost') tell('Warning', reason, 'Observe', is('Degraded')?.message);
  }
  return events;
}

const phases = [
  ['RollingUpdate', 'RollingUpdateStarted', 'RollingUpdateCompleted', 'Every pod runs the wanted template.'],
  ['VolumesGrowing', 'VolumeResizeStarted', 'VolumeResizeCompleted', 'Every volume has the wanted size.'],
  ['ScalingIn', 'ScaleInStarted', 'ScaleInCompleted', 'No more nodes than wanted are left.'],
] as const;

/** What is missing while we restart and move things ourselves is no news; what is missing otherwise is. */
function isLoud(
  status: ChainClusterStatus | undefined,
  type: ConditionType,
  value: Condition['status'],
): boolean {
  return conditionOf(status, type)?.status === value && conditionOf(status, 'Progressing')?.status !== 'True';
}

function conditionOf(status: ChainClusterStatus | undefined, type: ConditionType): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
