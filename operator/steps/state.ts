import type { ChainCluster } from '../../manifest/types.ts';
import type { StateLost } from '../coordinator-view.ts';
import { claimsToMark, identityOf } from '../identity.ts';
import { buildLease, buildState } from '../objects/access.ts';
import { annotations } from '../objects/names.ts';
import { refOf } from '../runtime/kube-object.ts';
import { type Action, apply, blocked, done, type Step } from './step.ts';

/**
 * Made before the coordinators, which may not create objects themselves. One that somebody deleted is made anew, empty
 * and under the id of the volumes: a leader that still has the state writes it there, others wait for `recover`.
 */
export const state: Step = {
  name: 'state',
  decide(observed) {
    const { cluster, view } = observed;
    const { clusterId } = identityOf(observed);
    const actions = [
      ...apply(buildLease(cluster), buildState(cluster, clusterId)),
      ...claimsToMark(observed).map(
        (claim): Action => ({
          do: 'patch',
          ref: refOf(claim),
          patch: {
            metadata: { uid: claim.metadata.uid, annotations: { [annotations.clusterId]: clusterId } },
          },
        }),
      ),
    ];
    if (view.is === 'known' || view.lost === undefined) return done(actions);
    return blocked('StateLost', sayLost(cluster, view.lost), actions);
  },
};

/** What is so, and the one command that mends it. */
export function sayLost({ metadata }: ChainCluster, { coordinator, message }: StateLost): string {
  const { namespace = 'default' } = metadata;
  return `${message} (here: kubectl exec -n ${namespace} ${coordinator} -- chainctl recover --yes)`;
}
