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
  if (turned('CoordinatorElected', 'False') && was('CoordinatorElected') !== undefined) {
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
  for (const [reason, start, end] of phases) {
    if (moves === reason && moved !== reason) tell('Normal', start, reason, is('Progressing')?.message);
    if (moved === reason && moves === 'Reconciled') tell('Normal', end, reason, `${end}: all done.`);
  }
  if (turned('Degraded', 'True') || reasonChanged(was('Degraded'), is('Degraded'))) {
    tell('Warning', is('Degraded')?.reason ?? 'Degraded', 'Observe', is('Degraded')?.message);
  }
  return events;
}

const phases = [
  ['RollingUpdate', 'RollingUpdateStarted', 'RollingUpdateCompleted'],
  ['VolumesGrowing', 'VolumeResizeStarted', 'VolumeResizeCompleted'],
  ['ScalingIn', 'ScaleInStarted', 'ScaleInCompleted'],
] as const;

function reasonChanged(was: Condition | undefined, is: Condition | undefined): boolean {
  return is?.status === 'True' && was?.status === 'True' && was.reason !== is.reason;
}

function conditionOf(status: ChainClusterStatus | undefined, type: ConditionType): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
