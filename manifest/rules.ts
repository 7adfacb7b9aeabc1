/**
 * The rules between fields, and between a resource and what it was before: each as the CEL text of the resource
 * definition, which the API server evaluates, and as a function that says the same where there is no API server.
 * A test holds texts and messages equal to the definition. A message reads "what is wrong; what to change".
 */
import { isMeaninglessAt, type Place } from './place.ts';
import { parseQuantity } from './quantity.ts';
import type { ChainClusterSpec } from './types.ts';

export interface Rule {
  /** Where the rule stands in the definition. */
  readonly at: string;
  readonly rule: string;
  readonly message: string;
  /** Field that is blamed, relative to `at`. */
  readonly fieldPath?: string;
  /** Fields of the spec that the rule reads. */
  readonly reads: readonly string[];
  /** True where the rule holds. Absent for rules about a change. */
  readonly holds?: (spec: ChainClusterSpec) => boolean;
  /** True where the change from `before` is allowed. Absent for the other rules. */
  readonly allows?: (spec: ChainClusterSpec, before: ChainClusterSpec) => boolean;
}

export const rules: readonly Rule[] = [
  {
    at: 'spec',
    rule: 'self.replicationFactor <= self.nodes',
    fieldPath: '.replicationFactor',
    message:
      'replicationFactor is above nodes: each member of a chain lives on a node of its own; raise nodes or lower ' +
      'replicationFactor',
    reads: ['replicationFactor', 'nodes'],
    holds: (spec) => spec.replicationFactor <= spec.nodes,
  },
  {
    at: 'spec',
    rule: 'size(self.drain) == 0 || self.nodes - size(self.drain) >= self.replicationFactor',
    fieldPath: '.drain',
    message: 'drain leaves fewer nodes than replicationFactor; add nodes first, or take names out of drain',
    reads: ['drain', 'nodes', 'replicationFactor'],
    holds: (spec) => spec.drain.length === 0 || spec.nodes - spec.drain.length >= spec.replicationFactor,
  },
  {
    at: 'spec',
    rule: 'self.local.basePort + 10 * (self.nodes + self.coordinators) <= 65536',
    fieldPath: '.local.basePort',
    message:
      'the ports end above 65535: each node and each coordinator has ten from local.basePort upwards; lower local.basePort',
    reads: ['local.basePort', 'nodes', 'coordinators'],
    holds: (spec) => spec.local.basePort + 10 * (spec.nodes + spec.coordinators) <= 65536,
  },
  {
    at: 'spec',
    rule: "quantity(self.storage.size).compareTo(quantity('256Mi')) >= 0",
    fieldPath: '.storage.size',
    message: 'storage.size is below 256Mi, which a node needs to work at all; raise it',
    reads: ['storage.size'],
    holds: (spec) => parseQuantity(spec.storage.size) >= parseQuantity('256Mi'),
  },
  {
    at: 'spec',
    rule: 'quantity(self.storage.size).compareTo(quantity(oldSelf.storage.size)) >= 0',
    fieldPath: '.storage.size',
    message:
      'storage.size cannot shrink, as Kubernetes cannot shrink a volume; put the old size back, or replace the cluster ' +
      'by a new one with smaller volumes',
    reads: ['storage.size'],
    allows: (spec, before) => parseQuantity(spec.storage.size) >= parseQuantity(before.storage.size),
  },
  {
    at: 'spec',
    rule:
      'has(self.storage.storageClassName) == has(oldSelf.storage.storageClassName) && ' +
      '(!has(self.storage.storageClassName) || self.storage.storageClassName == oldSelf.storage.storageClassName)',
    fieldPath: '.storage.storageClassName',
    message:
      'storage.storageClassName is immutable, as a volume cannot change its class; put the old name back, or make a new ' +
      'cluster and copy the data',
    reads: ['storage.storageClassName'],
    allows: (spec, before) => spec.storage.storageClassName === before.storage.storageClassName,
  },
  {
    at: 'spec',
    rule: 'self.timings.heartbeatMs < self.timings.suspectMs',
    fieldPath: '.timings.suspectMs',
    message:
      'suspectMs must be above heartbeatMs, or every node is suspect between two heartbeats; raise suspectMs',
    reads: ['timings.suspectMs', 'timings.heartbeatMs'],
    holds: ({ timings }) => timings.heartbeatMs < timings.suspectMs,
  },
  {
    at: 'spec',
    rule: 'self.timings.suspectMs < self.timings.deadMs',
    fieldPath: '.timings.deadMs',
    message: 'deadMs must be above suspectMs, as a node is suspect before it is dead; raise deadMs',
    reads: ['timings.deadMs', 'timings.suspectMs'],
    holds: ({ timings }) => timings.suspectMs < timings.deadMs,
  },
  {
    at: 'spec',
    rule: 'self.timings.readLeaseMs == 0 || self.timings.heartbeatMs * 2 <= self.timings.readLeaseMs',
    fieldPath: '.timings.readLeaseMs',
    message:
      'readLeaseMs must be 0 (none) or at least twice heartbeatMs, or one lost heartbeat ends the lease; raise readLeaseMs ' +
      'or lower heartbeatMs',
    reads: ['timings.readLeaseMs', 'timings.heartbeatMs'],
    holds: ({ timings }) => timings.readLeaseMs === 0 || timings.heartbeatMs * 2 <= timings.readLeaseMs,
  },
  {
    at: 'spec',
    rule: 'self.timings.readLeaseMs * (100 + self.timings.clockRatePercent) <= self.timings.deadMs * 100',
    fieldPath: '.timings.deadMs',
    message:
      "deadMs must be at least readLeaseMs plus clockRatePercent of it, as a dead node's lease must have ended before its " +
      'chains go on without it; raise deadMs or lower readLeaseMs',
    reads: ['timings.deadMs', 'timings.readLeaseMs', 'timings.clockRatePercent'],
    holds: ({ timings }) => timings.readLeaseMs * (100 + timings.clockRatePercent) <= timings.deadMs * 100,
  },
  {
    at: 'spec',
    rule: 'self.timings.coordinatorRenewMs * 2 <= self.timings.coordinatorLeaseMs',
    fieldPath: '.timings.coordinatorLeaseMs',
    message:
      'coordinatorLeaseMs must be at least twice coordinatorRenewMs, or one lost renewal ends the leadership; raise ' +
      'coordinatorLeaseMs or lower coordinatorRenewMs',
    reads: ['timings.coordinatorLeaseMs', 'timings.coordinatorRenewMs'],
    holds: ({ timings }) => timings.coordinatorRenewMs * 2 <= timings.coordinatorLeaseMs,
  },
  {
    at: 'spec.slots',
    rule: 'self == oldSelf',
    message:
      'slots is immutable, as every key lives in the slot that its hash names; put the old number back, or make a new ' +
      'cluster and copy the data',
    reads: ['slots'],
    allows: (spec, before) => spec.slots === before.slots,
  },
  {
    at: 'spec.coordinators',
    rule: 'self % 2 == 1',
    message: 'coordinators must be 1, 3 or 5; take the next odd number',
    reads: ['coordinators'],
    holds: (spec) => spec.coordinators % 2 === 1,
  },
];

/** The rules, of those that `among` picks, that a spec with its defaults breaks by itself. */
export const brokenRules = (spec: ChainClusterSpec, among: (rule: Rule) => boolean = () => true): Rule[] =>
  rules.filter((rule) => rule.holds !== undefined && among(rule) && !rule.holds(spec));

/**
 * The rules that forbid a change from `before` to `spec`, for a cluster that is started again with another manifest.
 * Fields that mean nothing at `place` may change freely.
 */
export const brokenByChange = (spec: ChainClusterSpec, before: ChainClusterSpec, place: Place): Rule[] =>
  rules.filter(
    (rule) =>
      rule.allows !== undefined &&
      !rule.reads.every((field) => isMeaninglessAt(place, `spec.${field}`)) &&
      !rule.allows(spec, before),
  );
