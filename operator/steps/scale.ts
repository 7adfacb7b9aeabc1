import { isEmptied } from '../coordinator-view.ts';
import { podName } from '../objects/names.ts';
import { currentReplicas, type Observed } from '../observed.ts';
import { blocked, done, type Outcome, type Step, someOf, waiting } from './step.ts';

export interface Scale {
  /** How many storage pods there should be at this moment. */
  replicas: number;
  /** Storage nodes that the coordinator must empty before they may go. */
  leaving: string[];
  outcome: Outcome;
}

/** Nodes come at once; they go one at a time, highest ordinal first, each only when it holds no chains. */
export const scaling: Step = {
  name: 'scaling',
  decide: (observed) => scale(observed).outcome,
};

export function scale(observed: Observed): Scale {
  const { cluster, view } = observed;
  const { nodes, replicationFactor } = cluster.spec;
  const current = currentReplicas(observed) ?? nodes;
  if (nodes >= current) return { replicas: nodes, leaving: [], outcome: done() };
  if (nodes < replicationFactor) {
    const message =
      `spec.nodes ${nodes} is below spec.replicationFactor ${replicationFactor}: ` +
      'the chains could not be full. Raise nodes or lower replicationFactor.';
    return { replicas: current, leaving: [], outcome: blocked('ScaleInRefused', message) };
  }
  const leaving = Array.from({ length: current - nodes }, (_, i) => podName(cluster, 'node', nodes + i));
  const next = podName(cluster, 'node', current - 1);
  if (view.is === 'unknown') {
    const message = `Scaling in waits for the coordinator, which must say that ${next} holds no chains: ${view.because}.`;
    return { replicas: current, leaving, outcome: waiting('ScalingIn', message) };
  }
  if (!isEmptied(view.view, next)) {
    const message = `Waiting for the chains to leave ${someOf([...leaving].reverse())}.`;
    return { replicas: current, leaving, outcome: waiting('ScalingIn', message) };
  }
  return {
    replicas: current - 1,
    leaving,
    outcome: waiting('ScalingIn', `Removing ${next}, which holds no chains any more.`, [
      {
        do: 'event',
        event: {
          type: 'Normal',
          reason: 'NodeRemoved',
          action: 'ScaleIn',
          note: `Removing ${next}: it holds no chains.`,
        },
      },
    ]),
  };
}
