import { readConfigMap } from './objects/config-map.ts';
import type { ConfigMap, PersistentVolumeClaim } from './objects/kinds.ts';
import { annotations, claimName, namesOf } from './objects/names.ts';
import { child, currentReplicas, type Observed } from './observed.ts';

/**
 * Which cluster the stores on the volumes belong to. The id outlives the resource, its configuration and the state of
 * the coordinators, whichever of them is lost first: it is noted on the volumes themselves as soon as a cluster has
 * begun on them. So a state object that is made anew never founds another cluster over volumes that hold one.
 */
export interface Identity {
  /** '' while nobody knows: volumes are there, and nothing says whose. The nodes will tell the coordinators. */
  clusterId: string;
  /** A cluster has begun here: coordinators that find no state have lost it. */
  begun: boolean;
}

export function identityOf(observed: Observed): Identity {
  const { cluster, claims, view } = observed;
  const clusterId = clusterIdOf(observed);
  const begun =
    clusterId === '' ||
    claims.some((claim) => idOn(claim) !== undefined) ||
    (cluster.status?.chains?.total ?? 0) > 0 ||
    (view.is === 'known' ? view.view.chains.length > 0 : view.lost !== undefined);
  return { clusterId, begun };
}

/** Volumes that do not name their cluster yet, though the coordinators say that it is this one. */
export function claimsToMark(observed: Observed): PersistentVolumeClaim[] {
  const { clusterId, begun } = identityOf(observed);
  if (!begun || clusterId === '' || clusterId !== idInUse(observed)) return [];
  return observed.claims.filter((claim) => idOn(claim) === undefined);
}

/** Volumes first: what is on the disks counts, and people rarely edit claims. */
function clusterIdOf(observed: Observed): string {
  const { cluster, claims } = observed;
  const names = namesOf(cluster);
  const count = Math.max(currentReplicas(observed) ?? 0, cluster.spec.nodes);
  const inUse = new Set(Array.from({ length: count }, (_, ordinal) => claimName(cluster, ordinal)));
  const state = child<ConfigMap>(observed, 'ConfigMap', names.state);
  const config = readConfigMap(child<ConfigMap>(observed, 'ConfigMap', names.config));
  return (
    mostNamed(claims.filter(({ metadata }) => inUse.has(metadata.name))) ??
    noted(state?.metadata.annotations?.[annotations.clusterId]) ??
    noted(config?.clusterId) ??
    mostNamed(claims) ??
    // Nobody noted it. A resource without volumes begins something new; volumes may hold a cluster of any id.
    (claims.length === 0 ? (cluster.metadata.uid ?? '') : idInUse(observed))
  );
}

/** The id by which the coordinators know the cluster, '' = they do not say. */
function idInUse({ view }: Observed): string {
  return (view.is === 'known' ? view.view.clusterId : view.lost?.clusterId) ?? '';
}

function mostNamed(claims: readonly PersistentVolumeClaim[]): string | undefined {
  const votes = new Map<string, number>();
  for (const id of claims.map(idOn)) if (id !== undefined) votes.set(id, (votes.get(id) ?? 0) + 1);
  return [...votes].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))[0]?.[0];
}

function idOn({ metadata }: PersistentVolumeClaim): string | undefined {
  return noted(metadata.annotations?.[annotations.clusterId]);
}

const noted = (id: string | undefined): string | undefined =>
  typeof id === 'string' && id !== '' ? id : undefined;
