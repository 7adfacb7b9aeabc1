/** Planted bugs of reads, of their proofs and of leases. */
import { type Bug, bug, edit, oneChain, storm } from './bug.ts';

const reading = 'replica/reading.ts';
const control = 'node/control.ts';
const nodes = 'coordinator/nodes.ts';

const hotKey = {
  workload: { keys: 1, reads: 0.5, weakReads: 0, conditions: 0.3, deletes: 0.1, adds: 0, valueBytes: 0 },
} as const;
/** Members are cut off while others write on without them. */
const cutOff = {
  ...oneChain,
  ...hotKey,
  ...storm('uncoordinated', 'cut', 'oneway', 'freeze', 'suspend', 'twin'),
  faultForMs: [300, 5000] as const,
};
const sleepers = {
  ...oneChain,
  ...hotKey,
  ...storm('freeze', 'suspend', 'diskstall', 'lag'),
  faultForMs: [300, 5000] as const,
};

export const readBugs: readonly Bug[] = [
  bug(
    'clean-reads-without-proof',
    'P19, section 3',
    'a clean key is answered without a lease',
    [
      edit(
        reading,
        "  if (!ctx.leaseCovers(r)) return askAll(r, ctx, { kind: 'read', tag, request: q, until });\n  const newest",
        '  const newest',
      ),
    ],
    cutOff,
  ),
  bug(
    'refusal-without-proof',
    'R8, 2.8',
    'a refused condition is told without lease or barrier',
    [
      edit(
        reading,
        '  askAll(r, ctx, p);\n}\n\n/* The tail query. */',
        '  ctx.reply(p.tag, refusalReply(p.refusal, p.seen, r.dedupe.time));\n}\n\n/* The tail query. */',
      ),
    ],
    {
      ...cutOff,
      workload: { keys: 1, reads: 0.2, weakReads: 0, conditions: 0.9, deletes: 0.1, adds: 0, valueBytes: 0 },
      seeds: 1500,
    },
  ),
  bug(
    'refusal-because-of-a-pending-entry',
    'P38, 2.8',
    'a refusal that depends on an uncommitted entry is told at once',
    [
      edit(
        'replica/writing.ts',
        'if (item !== null && item.entry.seq > r.commit) {',
        'if (false as boolean) {',
      ),
      edit(
        'replica/writing.ts',
        "    item.waiters ??= [];\n    item.waiters.push({ kind: 'refusal', tag, refusal: by });\n",
        '',
      ),
    ],
    {
      ...oneChain,
      ...storm('crash', 'bounce', 'cut'),
      workload: { keys: 1, reads: 0.2, weakReads: 0, conditions: 0.9, deletes: 0.1, adds: 0, valueBytes: 0 },
      disk: { durability: 'fsync', writeMs: 8, spreadMs: 60 },
      seeds: 1000,
    },
  ),
  bug(
    'dirty-keys-read-locally',
    'section 3',
    'a key with pending entries is answered like a clean one',
    [edit(reading, 'if (!dirty || isTail(r)) return', 'if (true as boolean) return')],
    { ...oneChain, ...hotKey },
  ),
  bug(
    'joins-the-question-under-way',
    'P22',
    'a read joins a question to the tail that began before it',
    [
      edit(
        reading,
        '  r.query.next.push(p);\n',
        '  (r.query.asked === 0 ? r.query.next : r.query.waiting).push(p);\n',
      ),
    ],
    { ...oneChain, ...hotKey, ...storm('slowpath', 'lag') },
  ),
  bug(
    'no-second-look',
    'P20',
    'version and lease are not looked at after the value was fetched',
    [
      edit(
        reading,
        "if (r.installed !== f.installed || r.role !== 'member') {\n    if (f.proof !== 'none' || !r.complete)",
        "if (r.role === 'joiner') {\n    if (f.proof !== 'none' || !r.complete)",
      ),
      edit(
        reading,
        "else if (f.proof === 'lease' && !ctx.leaseCovers(r)) return",
        "else if (f.proof === 'lease' && (false as boolean)) return",
      ),
    ],
    {
      ...sleepers,
      workload: { keys: 10, reads: 0.6, weakReads: 0, conditions: 0, deletes: 0.1, adds: 0, valueBytes: 0 },
      seeds: 1500,
    },
  ),
  bug(
    'barrier-skips-the-tail',
    'P45, section 3',
    'a barrier asks all members but the tail',
    [
      edit(
        reading,
        'r.barrier.missing = a.members.filter((m) => m.incarnation !== ctx.incarnation)',
        'r.barrier.missing = a.members.slice(0, -1).filter((m) => m.incarnation !== ctx.incarnation)',
      ),
    ],
    { ...cutOff, ...storm('uncoordinated', 'coordcrash', 'outage'), faultForMs: [300, 5000] },
  ),
  bug(
    'barrier-by-name',
    '4.4, section 3',
    'barriers and other messages are taken from any process of a named node',
    [
      edit('replica/state.ts', 'm.incarnation === incarnation ? m : null', 'm.node === from ? m : null'),
      edit(
        'replica/replica.ts',
        'if (r.up?.peer.node !== from || r.up.peer.incarnation !== incarnation) return;',
        'if (r.up?.peer.node !== from) return;',
      ),
    ],
    { ...cutOff, ...storm('twin', 'bounce', 'reset', 'uncoordinated'), seeds: 2000 },
  ),
  bug(
    'unproven-tail-answers-barriers',
    '4.6, section 3',
    'a tail vouches and tells its commit mark before it may answer',
    [
      edit(
        reading,
        "const holds = asker !== null && r.role === 'member' && (!isTail(r) || r.answering);",
        "const holds = asker !== null && r.role === 'member';",
      ),
      edit(
        reading,
        'if (asker === null || !isTail(r) || !r.answering) return',
        'if (asker === null || !isTail(r)) return',
      ),
    ],
    { ...oneChain, ...hotKey, ...storm('crash', 'bounce', 'uncoordinated', 'slowpath'), seeds: 1500 },
  ),
  bug(
    'tail-answers-without-proof',
    'P21, section 3',
    'a tail tells its commit mark without a lease of its own',
    [
      edit(
        reading,
        "  if (ctx.leaseCovers(r)) return answerQuery(r, ctx, from, m.round, positionAt(r.log, r.commit));\n  askAll(r, ctx, { kind: 'answer', to: from, round: m.round, until: ctx.mono + ctx.timings.deadMs });",
        '  answerQuery(r, ctx, from, m.round, positionAt(r.log, r.commit));',
      ),
      edit(
        reading,
        'if (agrees && m.commit !== null && ctx.leaseCovers(r)) {',
        'if (agrees && m.commit !== null) {',
      ),
      edit(
        reading,
        "  if (!ctx.leaseCovers(r)) return askAll(r, ctx, { kind: 'read', tag, request: q, until });\n  const newest",
        "  if (!ctx.leaseCovers(r) && isTail(r)) return askAll(r, ctx, { kind: 'read', tag, request: q, until });\n  if (!ctx.leaseCovers(r)) return askTail(r, ctx, { kind: 'read', tag, request: q, until });\n  const newest",
      ),
    ],
    { ...cutOff, replicationFactor: 4, nodes: 5, seeds: 1500 },
  ),
  bug(
    'bounded-by-the-answer',
    'R16, section 3',
    'the age of a bounded read counts from the answer of the tail',
    [edit(reading, '    r.tailAskedAt = askedAt;\n', '    r.tailAskedAt = ctx.mono;\n')],
    {
      ...oneChain,
      ...storm('slowpath', 'lag', 'oneway'),
      workload: { keys: 1, reads: 0.7, weakReads: 0.9, conditions: 0, deletes: 0.1, adds: 0, valueBytes: 0 },
      seeds: 1000,
    },
  ),
  bug(
    'session-below-its-token',
    'section 3',
    'a session read is answered from the local commit mark, whatever its token says',
    [edit(reading, '  if (q.token.seq > r.commit) return readStrong(r, ctx, tag, q, until);\n', '')],
    {
      ...oneChain,
      ...storm('slowpath', 'lag', 'freeze'),
      workload: { keys: 1, reads: 0.5, weakReads: 0.8, conditions: 0, deletes: 0.1, adds: 0, valueBytes: 0 },
    },
  ),
  bug(
    'lease-from-its-arrival',
    'section 3, P19',
    'a lease counts from the moment at which the grant arrived',
    [edit(control, 's.lease.until = beat.sentAt + leaseHeldMs', 's.lease.until = s.now.mono + leaseHeldMs')],
    {
      ...cutOff,
      ...storm('slowpath', 'lag', 'freeze', 'uncoordinated', 'oneway'),
      faultForMs: [300, 5000],
      seeds: 1500,
    },
  ),
  bug(
    'sleep-does-not-end-a-lease',
    'P44, section 3',
    'a process does not notice that its machine slept',
    [
      edit(
        'node/node.ts',
        'if (Math.abs(wall - mono) > margin || mono > s.config.timings.readLeaseMs / 2)',
        'if (mono > s.config.timings.readLeaseMs / 2)',
      ),
    ],
    { ...oneChain, ...hotKey, ...storm('suspend'), faultForMs: [1000, 6000], seeds: 1500 },
  ),
  bug(
    'left-out-member-keeps-its-lease',
    'R6, section 3',
    'grants to a member that a saved version leaves out still cover the slot',
    [edit(nodes, '      leaseMs,\n      denied,\n', '      leaseMs,\n      denied: [],\n')],
    {
      ...cutOff,
      ...storm('cut', 'oneway', 'drain', 'slowpath', 'halfopen'),
      faultForMs: [300, 5000],
      seeds: 1500,
    },
  ),
  bug(
    'handed-out-at-once',
    'R6, section 3',
    'a version is handed out while who it leaves out may still read',
    [
      edit(
        'coordinator/chains.ts',
        'const waitOver = (s: CoordinatorState, c: SavedChain): boolean =>\n',
        "const waitOver = (s: CoordinatorState, c: SavedChain): boolean =>\n  s.config.name !== '' ||\n",
      ),
    ],
    cutOff,
  ),
];
