/**
 * A store of another cluster than the configuration names. Nothing of it is shown before a coordinator takes it in: it
 * would serve nothing anyway (R3), but clients that hear its routes and its cluster first take them for their own. That a
 * coordinator takes it in proves that the configuration is the one that is wrong, as after a resource was made anew.
 */
import { failure } from '../replies.ts';
import type { Failure } from '../requests.ts';
import { noIncarnation } from '../words.ts';
import type { NodeState } from './state.ts';

/** '' = it may serve; otherwise what is wrong, and what to do. */
export function whyForeign({ config, control }: NodeState): string {
  const { name, clusterId = '' } = config;
  const isForeign = clusterId !== '' && control.clusterId !== '' && control.clusterId !== clusterId;
  // It has an incarnation: a coordinator took this process in.
  if (!isForeign || control.incarnation !== noIncarnation) return '';
  return (
    `the store of ${name} belongs to cluster ${control.clusterId}, its configuration names ${clusterId}, ` +
    `and no coordinator has taken it in; give ${name} the data folder of its own cluster, or an empty one`
  );
}

export function foreign(s: NodeState): Failure | null {
  const why = whyForeign(s);
  return why === '' ? null : failure('WRONG_CLUSTER', why);
}
