/** Every kind of fault that a run may meet. A seed switches whole kinds on or off (swarm testing). */
export const faultClasses = [
  /** A process dies and comes back with its store, soon or late. */
  'crash',
  /** It comes back within a few milliseconds: nobody may have noticed. */
  'bounce',
  /** A machine loses its power: nobody is told; under durability `os` what was not flushed is gone. */
  'power',
  /** All storage processes die at once. */
  'blackout',
  /** All machines lose their power at once; under `os` one disk of each chain had written everything. */
  'poweroff',
  /** A node comes back with an empty disk. */
  'blank',
  /** A node comes back with a disk as it was some time ago. */
  'rollback',
  /** All storage processes die at once, and one disk lost its last batches, synced or not. */
  'torn',
  /** A second process of a node starts elsewhere from its volume while the old one still runs. */
  'twin',
  /** A process stands still for longer than a lease, and takes everything that queued up when it goes on. */
  'freeze',
  /** As a freeze, and the monotonic clock stood still too. */
  'suspend',
  /** A process takes its turns late. */
  'lag',
  /** A machine is cut off from all others, or from some, in both directions. */
  'cut',
  /** In one direction only. */
  'oneway',
  /** Nobody notices a cut for a long time: sends succeed and nothing arrives. */
  'halfopen',
  /** Open connections break, with loss, lateness and repetition. */
  'reset',
  /** Frames on a path are slow. */
  'slowpath',
  /** Few bytes a millisecond fit through a path. */
  'narrow',
  /** A node is cut off from the coordinators only. */
  'uncoordinated',
  'diskstall',
  /** Reads and writes of a disk take many times as long. */
  'diskslow',
  /** A write fails. */
  'diskerror',
  /** Reads fail. */
  'readerror',
  /** A disk is short of room: low, full, or first the one and then the other. */
  'full',
  /** Stored values are damaged, one or a block of them. */
  'rot',
  'walljump',
  /** The log is trimmed as far as retention allows. */
  'trim',
  /** A node asks to leave and comes back. */
  'leave',
  /** A node is drained by command, then not any more. */
  'drain',
  /** An operator lets one member carry a chain alone. */
  'override',
  'coordcrash',
  'coordfreeze',
  'coordsuspend',
  /** The wanted length of read leases changes. */
  'retune',
  /** The leading coordinator gives its lease back. */
  'resign',
  /** The state store does not answer. */
  'outage',
  /** Calls to the state store end without a known outcome. */
  'unknown',
  /** The coordinators' saved state is deleted. */
  'statelost',
  /** It is as it was some time ago. */
  'stateold',
  /** A stranger edits it. */
  'stateforeign',
  /** A stranger edits the lease of the coordinators, or deletes it. */
  'leaseforeign',
] as const;

export type FaultClass = (typeof faultClasses)[number];
