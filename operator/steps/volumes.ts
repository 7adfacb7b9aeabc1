import type { PersistentVolumeClaim } from '../objects/kinds.ts';
import { claimName } from '../objects/names.ts';
import { volumeSizeOf } from '../objects/stateful-sets.ts';
import { currentReplicas, nodeSet, type Observed } from '../observed.ts';
import { refOf } from '../runtime/kube-object.ts';
import { quantity } from '../runtime/same.ts';
import { type Action, blocked, done, type Outcome, type Step, someOf, waiting } from './step.ts';

/**
 * Grows volumes: first the claims, then the StatefulSet, which cannot be changed and is made anew without touching
 * its pods.
 */
export const volumes: Step = { name: 'volumes', decide };

/** Claims of the storage nodes that ask for less than the resource says. */
export function claimsToGrow(observed: ClaimFacts): PersistentVolumeClaim[] {
  const wanted = bytes(observed.cluster.spec.storage.size);
  return claimsInUse(observed).filter((claim) => bytes(claim.spec.resources?.requests?.storage) < wanted);
}

type ClaimFacts = Pick<Observed, 'cluster' | 'claims' | 'children' | 'nodePods'>;

/** Volumes that earlier, since removed nodes left behind are nobody's to grow. */
function claimsInUse(observed: ClaimFacts): PersistentVolumeClaim[] {
  const count = currentReplicas(observed) ?? 0;
  const names = new Set(Array.from({ length: count }, (_, ordinal) => claimName(observed.cluster, ordinal)));
  return observed.claims.filter(({ metadata }) => names.has(metadata.name));
}

function decide(observed: Observed): Outcome {
  const { cluster } = observed;
  const set = nodeSet(observed);
  if (set === undefined || set.metadata.deletionTimestamp !== undefined) return done();
  const { size } = cluster.spec.storage;
  if (bytes(size) < bytes(volumeSizeOf(set))) {
    return blocked(
      'VolumeShrinkRefused',
      `spec.storage.size ${size} is below ${volumeSizeOf(set)}, and volumes cannot shrink. Set it back to ${volumeSizeOf(set)}.`,
    );
  }
  const small = claimsToGrow(observed);
  const fixed = small.filter((claim) => !mayGrow(observed, claim));
  if (fixed.length > 0) return unsupported(fixed);
  if (small.length > 0)
    return waiting(
      'VolumesGrowing',
      growing(size),
      small.flatMap((claim) => grow(claim, size)),
    );
  if (bytes(volumeSizeOf(set)) !== bytes(size)) {
    const { uid } = set.metadata;
    const remake: Action = { do: 'delete', ref: refOf(set), uid, propagation: 'Orphan' };
    return waiting('VolumesGrowing', `Making StatefulSet ${set.metadata.name} anew for volumes of ${size}.`, [
      remake,
    ]);
  }
  const pending = claimsInUse(observed).filter((claim) => claim.status?.phase === 'Bound' && isBehind(claim));
  if (pending.length > 0) {
    const names = someOf(pending.map(({ metadata }) => metadata.name));
    return waiting('VolumesGrowing', `${growing(size)} Not there yet: ${names}.`, [], 10_000);
  }
  return done();
}

function growing(size: string): string {
  return `Growing the volumes to ${size}.`;
}

function grow(claim: PersistentVolumeClaim, size: string): Action[] {
  const { uid } = claim.metadata;
  const spec = { resources: { requests: { storage: size } } };
  return [{ do: 'patch', ref: refOf(claim), patch: { metadata: { uid }, spec } }];
}

/** A class that we may not read is given the benefit of the doubt: the API server refuses if it must. */
function mayGrow({ storageClasses }: Observed, claim: PersistentVolumeClaim): boolean {
  const known = storageClasses.get(claim.spec.storageClassName ?? '');
  return known === undefined || known.allowVolumeExpansion === true;
}

function unsupported(claims: PersistentVolumeClaim[]): Outcome {
  const classes = [...new Set(claims.map(({ spec }) => spec.storageClassName ?? '(none)'))];
  return blocked(
    'VolumeResizeUnsupported',
    `Storage class ${someOf(classes)} does not let volumes grow. ` +
      'Set allowVolumeExpansion in the class, or make a new cluster with larger volumes.',
    [],
    60_000,
  );
}

function isBehind(claim: PersistentVolumeClaim): boolean {
  return bytes(claim.status?.capacity?.storage) < bytes(claim.spec.resources?.requests?.storage);
}

function bytes(size: string | undefined): bigint {
  return quantity(size ?? '0') ?? 0n;
}
