/** Where a manifest is to run: as processes on one machine, or as pods that the operator makes. */
export type Place = 'machine' | 'kubernetes';

/** Fields that only the operator reads, as `spec.` paths. */
const onlyOnKubernetes = [
  'spec.storage',
  'spec.image',
  'spec.imagePullPolicy',
  'spec.imagePullSecrets',
  'spec.resources',
  'spec.coordinatorResources',
  'spec.podTemplate',
  'spec.service',
  'spec.monitoring',
  'spec.networkPolicy',
  'spec.pdb',
  'spec.updateStrategy',
  'spec.paused',
];
const onlyOnMachine = ['spec.local'];

/** Paths of fields that mean nothing at this place. */
export const meaninglessAt = (place: Place): readonly string[] =>
  place === 'machine' ? onlyOnKubernetes : onlyOnMachine;

/** Whether the field at `path`, or one that it lies in, means nothing at this place. */
export const isMeaninglessAt = (place: Place, path: string): boolean =>
  meaninglessAt(place).some((field) => path === field || path.startsWith(`${field}.`));
