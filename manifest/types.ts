/**
 * The ChainCluster resource (`chaincluster.dev/v1alpha1`) as TypeScript. The schema in
 * `crds/chainclusters.chaincluster.dev.yaml` is the source of what is allowed, of the defaults and of the meaning of
 * each field; these types describe a resource AFTER the schema's defaults were applied, as the API server and
 * `parseManifest` give it.
 */

export const apiGroup = 'chaincluster.dev';
export const apiVersion = 'chaincluster.dev/v1alpha1';
export const kind = 'ChainCluster';
export const plural = 'chainclusters';

export interface ChainCluster {
  readonly apiVersion: typeof apiVersion;
  readonly kind: typeof kind;
  readonly metadata: Metadata;
  readonly spec: ChainClusterSpec;
  readonly status?: ChainClusterStatus;
}

/** The parts of Kubernetes' ObjectMeta that are read here; only `name` is there in a file. */
export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;
/** An object that is handed to Kubernetes as it is, checked by the API server and not here. */
export type RawKubernetes = Readonly<Record<string, unknown>>;

export type Durability = 'fsync' | 'os';
export type OsRestart = 'wait' | 'longestLog';
export type Retention = 'Retain' | 'Delete';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface ChainClusterSpec {
  /** Hash partitions of the key space; immutable. */
  readonly slots: number;
  /** Members of each chain. Never above `nodes`. */
  readonly replicationFactor: number;
  /** Storage nodes (the scale subresource). */
  readonly nodes: number;
  /** Coordinators: one leads, the others stand by. 1, 3 or 5; without a value 3 on Kubernetes, 1 on one machine. */
  readonly coordinators: number;
  /** What a member has done before it acknowledges: `fsync` on disk; `os` handed to the operating system. */
  readonly durability: Durability;
  /** What a chain does whose members all lost power under durability `os`. */
  readonly osRestart: OsRestart;
  readonly storage: StorageSpec;
  /** Absent: the operator keeps `status.targetImage`, and takes its own default image for a new cluster. */
  readonly image?: string;
  readonly imagePullPolicy: 'IfNotPresent' | 'Always' | 'Never';
  readonly imagePullSecrets: readonly SecretReference[];
  readonly resources: Resources;
  readonly coordinatorResources: Resources;
  readonly podTemplate: PodTemplate;
  readonly service: ServiceSpec;
  readonly monitoring: { readonly podMonitor: boolean };
  readonly networkPolicy: { readonly enabled: boolean };
  readonly pdb: { readonly enabled: boolean };
  readonly updateStrategy: UpdateStrategy;
  readonly timings: TimingsSpec;
  readonly limits: LimitsSpec;
  readonly config: ConfigSpec;
  readonly scrub: ScrubSpec;
  /** The operator changes nothing while this is true; the store goes on. */
  readonly paused: boolean;
  /** Names of storage nodes that should hold no chains. */
  readonly drain: readonly string[];
  /** Read on one machine only. */
  readonly local: LocalSpec;
}

export interface StorageSpec {
  /** A Kubernetes quantity, such as `10Gi`. May grow, never shrink. */
  readonly size: string;
  /** Immutable. Absent: the default class of the Kubernetes cluster. */
  readonly storageClassName?: string;
  readonly retention: { readonly whenDeleted: Retention; readonly whenScaled: Retention };
}

export interface SecretReference {
  readonly name: string;
}

/** Quantities by resource name. A user's value replaces the default as a whole. */
export interface Resources {
  readonly requests?: Readonly<Record<string, string | number>>;
  readonly limits?: Readonly<Record<string, string | number>>;
}

/** What is laid over the pods of nodes and coordinators. */
export interface PodTemplate {
  readonly metadata: { readonly labels: Labels; readonly annotations: Labels };
  readonly nodeSelector: Labels;
  readonly affinity?: RawKubernetes;
  readonly tolerations: readonly RawKubernetes[];
  readonly topologySpreadConstraints: readonly RawKubernetes[];
  readonly priorityClassName?: string;
  readonly env: readonly (RawKubernetes & { readonly name: string })[];
}

export interface ServiceSpec {
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  readonly annotations: Labels;
}

export interface UpdateStrategy {
  /** `Rolling`: the operator restarts pods one at a time. `OnDelete`: only pods that someone deletes. */
  readonly type: 'Rolling' | 'OnDelete';
  /** Seconds that a restarted pod must have been ready before the next one is restarted. */
  readonly minReadySeconds: number;
}

/** Durations in milliseconds; the relations between them are rules of the schema. */
export interface TimingsSpec {
  readonly heartbeatMs: number;
  readonly readLeaseMs: number;
  readonly suspectMs: number;
  readonly deadMs: number;
  readonly coordinatorLeaseMs: number;
  readonly coordinatorRenewMs: number;
  /** Bound on the error of a clock's RATE, in percent. */
  readonly clockRatePercent: number;
}

/** Limits that may be set lower than what the protocol carries. */
export interface LimitsSpec {
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Client connections that one node accepts. */
  readonly clientConnections: number;
}

export interface ConfigSpec {
  readonly logLevel: LogLevel;
  /** Log kept behind what every member applied, per storage node in MiB, and for how long; the first reached ends it. */
  readonly logRetentionMiB: number;
  readonly logRetentionSeconds: number;
  /** How long results of writes are kept against retries. */
  readonly dedupeHorizonSeconds: number;
  /** Replicas that are copied at once in the whole cluster. */
  readonly maxConcurrentMoves: number;
  /** Bound on what one node sends to joiners, in MiB a second. */
  readonly copyMiBPerSecond: number;
}

export interface ScrubSpec {
  /** Hours from the beginning of one pass over all records to that of the next; 0 = only when it is asked for. */
  readonly everyHours: number;
  /** Bound on what one node reads for it. */
  readonly miBPerSecond: number;
}

export interface LocalSpec {
  /** Lowest TCP port of this machine that is used; each coordinator and each node has ten from here upwards. */
  readonly basePort: number;
  /** Folder of all data, relative to the folder in which the command runs. */
  readonly dataDir: string;
}

export type ConditionType =
  | 'Ready'
  | 'Available'
  | 'Progressing'
  | 'Degraded'
  | 'CoordinatorElected'
  | 'ChainsFullyReplicated'
  | 'StateLost'
  | 'UpgradeBlocked'
  | 'Paused';

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration: number;
  /** RFC 3339; changes only when `status` does. */
  readonly lastTransitionTime: string;
  /** CamelCase, never empty. */
  readonly reason: string;
  /** What is so, and what to do next. */
  readonly message: string;
}

/** Every field is optional: a status grows as the operator learns. */
export interface ChainClusterStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  /** Storage pods that exist, that are ready (admitted), and that run the target template. */
  readonly nodes?: number;
  readonly readyNodes?: number;
  readonly updatedNodes?: number;
  readonly coordinator?: CoordinatorStatus;
  readonly chains?: ChainsStatus;
  readonly currentImage?: string;
  readonly targetImage?: string;
  /** Label selector of the storage pods, as the scale subresource wants it. */
  readonly selector?: string;
  /** Version of the store that all ready pods run; two versions with an arrow while they differ. */
  readonly version?: string;
}

export interface CoordinatorStatus {
  /** Pod that leads; empty when none does. */
  readonly leader?: string;
  readonly epoch?: number;
  /** Ready coordinators. */
  readonly ready?: number;
}

export interface ChainsStatus {
  readonly total: number;
  /** Chains with replicationFactor serving members. */
  readonly full: number;
  /** Chains that serve with fewer members. */
  readonly degraded: number;
  /** Chains that serve no writes. */
  readonly unavailable: number;
  /** `full/total`, for the printed column. */
  readonly summary: string;
  /** At most 32, unavailable ones first. */
  readonly notFull: readonly ChainNotFull[];
}

export interface ChainNotFull {
  readonly slot: number;
  readonly version: number;
  /** Head first, tail last. */
  readonly members: readonly string[];
  readonly reason: string;
}
