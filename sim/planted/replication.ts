/** Planted bugs of the write path, of handshakes and of joins. */
import { type Bug, bug, edit, oneChain, storm } from './bug.ts';

const chain = 'replica/chain.ts';
const handshake = 'replica/handshake.ts';
const install = 'replica/install.ts';
const writing = 'replica/writing.ts';
const joining = 'replica/joining.ts';

const slowDisks = { disk: { durability: 'fsync', writeMs: 8, spreadMs: 60 } } as const;
const restarts = { ...oneChain, ...slowDisks, ...storm('crash', 'bounce', 'freeze', 'reset', 'twin') };
const oneKey = {
  workload: { keys: 1, reads: 0.2, weakReads: 0, conditions: 0.2, deletes: 0.1, adds: 0, valueBytes: 0 },
} as const;

export const replicationBugs: readonly Bug[] = [
  bug(
    'handshakes-in-any-order',
    'R1, 4.7',
    'a replica shakes hands with its successor before it did with its predecessor, and marks are bare sequences',
    [
      edit(
        handshake,
        'if (peer === null || !r.shaken || r.assignment === null ||',
        'if (peer === null || r.assignment === null ||',
      ),
      edit(handshake, 'if (peer !== null && r.shaken) {', 'if (peer !== null) {'),
      edit(handshake, 'if (r.log.end.seq < r.offerFrom) {', 'if (false as boolean) {'),
      edit(chain, 'if (version !== undefined && version !== m.durable.version)', 'if (false as boolean)'),
      edit(
        chain,
        'if (m.end.seq !== r.log.end.seq || m.end.version !== r.log.end.version)',
        'if (m.end.seq !== r.log.end.seq)',
      ),
      edit(chain, '|| entry.versionBefore !== r.log.end.version)', ')'),
    ],
    { ...restarts, seeds: 1500 },
  ),
  bug(
    'tail-commits-its-own-disk',
    'R2, 2.5',
    'a tail commits what it has on disk, whatever the durable mark from the head says',
    [
      edit(
        chain,
        'const covered = r.insync === noIncarnation ? durable(r) : Math.min(durable(r), r.joinerDisk);',
        'const covered = r.disk;',
      ),
    ],
    restarts,
  ),
  bug(
    'tail-answers-too-early',
    'R2, 4.6',
    'a new tail answers when it reached the commit mark of its predecessor, not the end of its log',
    [
      edit(
        handshake,
        "r.answerFrom = r.role === 'joiner' ? m.commit.seq : m.end.seq;",
        'r.answerFrom = 0 as Seq;',
      ),
      edit(install, 'r.answerFrom = r.log.end.seq;', 'r.answerFrom = 0 as Seq;'),
    ],
    { ...restarts, ...oneKey, seeds: 1500 },
  ),
  bug(
    'restart-keeps-the-version',
    'R3, 4.3',
    'a process that was started anew takes its place under the version that it had',
    [
      edit(
        'coordinator/chains.ts',
        'return issue(s, c, members, replaced, reason);',
        'changeChain(s, { ...c, members, reason });\n  return true;',
      ),
    ],
    restarts,
  ),
  bug(
    'a-batch-proves-a-sequence',
    'R4',
    'a finished batch proves its sequences although some of its entries were dropped since',
    [edit(chain, 'if (r.flight !== null) r.flight.top = Math.min(r.flight.top, to.seq) as Seq;', '')],
    { ...restarts, seeds: 2000 },
  ),
  bug(
    'waiters-by-sequence',
    'R5, 2.6',
    'who waits for a dropped entry is told that the next entry with its sequence is done',
    [
      edit(
        chain,
        '    abandonWaiters(r, ctx, item);\n  }\n  r.disk',
        '    kept.set(item.entry.seq, item.waiters);\n  }\n  r.disk',
      ),
      edit(
        chain,
        '  const item = appendEntry(r.log, entry);',
        '  const item = appendEntry(r.log, entry);\n  item.waiters = kept.get(entry.seq) ?? null;\n  kept.delete(entry.seq);',
      ),
      edit(
        chain,
        '/** Takes one entry into the log:',
        'const kept = new Map<number, Item["waiters"]>();\n/** Takes one entry into the log:',
      ),
      edit(install, '  if (!isHead(r)) abandonAll(r, ctx);\n', ''),
    ],
    { ...restarts, seeds: 1000 },
  ),
  bug(
    'mark-kept-across-versions',
    'R5, 2.4',
    "the predecessor's durable mark of the version before still counts",
    [edit(install, '  r.before = null;\n', '')],
    restarts,
  ),
  bug(
    'ack-before-fsync',
    '2.7, P1',
    'the head counts its own entry as durable when it hands it to the disk',
    [
      edit(
        writing,
        "  item.waiters = [{ kind: 'write', tag, refusal: null }];",
        "  item.waiters = [{ kind: 'write', tag, refusal: null }];\n  r.disk = entry.seq;",
      ),
    ],
  ),
  bug(
    'head-reuses-sequences',
    'P13',
    'a head orders after its commit mark instead of after the end of its log',
    [
      edit(
        writing,
        '  const end = r.log.end;\n',
        '  const end = r.log.items.length > 0 && r.log.end.version !== version ? (truncateTo(r.log, r.commit), r.log.end) : r.log.end;\n',
      ),
      edit(
        writing,
        'type EffectOfWrite =',
        "const truncateTo = (log: Replica['log'], to: Seq): void => {\n  if (to < log.end.seq) truncate(log, positionAt(log, to));\n};\n\ntype EffectOfWrite =",
      ),
      edit(
        writing,
        "import type { Item, RefusedBy } from './log.ts';",
        "import { type Item, positionAt, type RefusedBy, truncate } from './log.ts';",
      ),
    ],
    restarts,
  ),
  bug(
    'drop-is-not-saved',
    'R20, 4.7',
    'entries that a handshake dropped stay on disk',
    [edit(chain, 'r.dropTo = r.dropTo === null ? to.seq : (Math.min(r.dropTo, to.seq) as Seq);', '')],
    restarts,
  ),
  bug(
    'no-resend-after-a-removal',
    'P10',
    'after a handshake only new entries are sent down',
    [edit(handshake, '  d.sent = m.common.seq;\n', '  d.sent = r.log.end.seq;\n')],
    restarts,
  ),
  bug(
    'witness-thrown-out',
    'R15, 4.7',
    'a predecessor that lost the end of its log is believed, and what it promised is dropped',
    [
      edit(
        handshake,
        'if (comparePositions(r.promised, m.end) > 0) return dispute(r, ctx, peer, m, r.promised);',
        '',
      ),
      edit(handshake, '(comparePositions(m.promised, r.log.end) > 0 || versionAt', '(versionAt'),
      edit('replica/replica.ts', 'if (comparePositions(r.passed, log.end) > 0)', 'if (false as boolean)'),
    ],
    { ...oneChain, ...storm('rollback', 'lag'), durationMs: 30_000 },
  ),
  bug(
    'conditions-on-committed-state',
    'P37, 2.8',
    'conditions look at the committed value, not at the newest pending one',
    [
      edit(
        writing,
        'const present = newest !== null && storesValue(newest) ? newest : null;\n  const effect = decide(q, present);',
        'let seen = item;\n  while (seen !== null && seen.entry.seq > r.commit) seen = seen.older;\n  const last = seen?.entry ?? newest;\n  const present = last !== null && storesValue(last) ? last : null;\n  const effect = decide(q, present);',
      ),
    ],
  ),
  bug(
    'retry-of-a-pending-write-is-new',
    'R9, 2.9',
    'a retry is looked up among the applied results only',
    [
      edit(
        writing,
        '  if (first !== undefined) {\n    // The first attempt',
        '  if ((false as boolean) && first !== undefined) {\n    // The first attempt',
      ),
    ],
    { ...oneChain, ...storm('freeze', 'reset', 'diskstall', 'halfopen') },
  ),
  bug(
    'new-head-forgets-pending-requests',
    'R9, 2.9',
    'a new head does not look into its log for requests that it did not take itself',
    [edit(install, '    rebuildRequests(r);\n', '    r.requests.clear();\n')],
    { ...restarts, seeds: 1000 },
  ),
  bug(
    'results-not-copied',
    'P35, section 5',
    'a copy brings the values without the results of the last writes',
    [edit(joining, '    r.dedupe = decodeDedupe(m.dedupe);\n', '')],
    { ...oneChain, ...storm('blank', 'crash', 'drain'), trimEveryMs: 300 },
  ),
  bug(
    'results-not-rebuilt',
    'P35, 2.9',
    'a process that starts does not read the results of its log',
    [
      edit(
        'replica/replica.ts',
        '    if (entry.seq <= b.marks.commit.seq) remember(dedupe, entry, dedupeHorizonMs);\n',
        '',
      ),
    ],
    restarts,
  ),
  bug(
    'old-requests-are-executed',
    'R18, 2.9',
    'a request older than the remembered results is taken for a new one',
    [
      edit(
        'replica/dedupe.ts',
        "  if (session !== undefined && number < session.floor) return { kind: 'expired' };\n",
        '',
      ),
      edit('replica/dedupe.ts', "if (slotTime < table.time - horizonMs) return { kind: 'expired' };", ''),
    ],
    {
      ...oneChain,
      ...storm('reset', 'lag'),
      network: { delayMs: 0.2, spreadMs: 2, noticeMs: 600, late: 0.6, lateMs: 4000, repeat: 0.9 },
      seeds: 1000,
    },
  ),
  bug(
    'refusal-of-a-retry-is-not-logged',
    'R17, 2.10',
    'a refused retry is told at once, while its first attempt may still arrive',
    [
      edit(
        writing,
        "  if (q.retry) return append(r, ctx, tag, q, 'refused', noBytes, by.code, present);\n",
        '',
      ),
    ],
    {
      ...oneChain,
      ...storm('reset', 'oneway', 'freeze', 'slowpath'),
      workload: { keys: 1, reads: 0.2, weakReads: 0, conditions: 0.9, deletes: 0.3, adds: 0, valueBytes: 0 },
      network: { delayMs: 0.2, spreadMs: 2, noticeMs: 600, late: 0.8, lateMs: 4000, repeat: 0.6 },
      seeds: 1500,
    },
  ),
  bug(
    'dropped-write-is-a-definite-failure',
    'P39, 2.10',
    'who waits for an entry that may still be committed hears that it failed',
    [edit('replica/waiters.ts', "'AMBIGUOUS',", "'NOT_HEAD',")],
    restarts,
  ),
  bug(
    'stamps-go-back',
    'R18, 2.9',
    "entries carry the head's clock as it is",
    [edit(writing, 'const stamp = Math.max(ctx.wall, lastStamp);', 'const stamp = ctx.wall;')],
    { ...oneChain, ...storm('walljump', 'crash') },
  ),
  bug(
    'copy-misses-deletes',
    'P30, section 5',
    'a joiner does not take the deletes that come while it copies',
    [
      edit(
        joining,
        'r.copy === null ||',
        "(e.kind !== 'delete' || r.role !== 'joiner') && (r.copy === null ||",
      ),
      edit(joining, 'e.key <= r.copy.after);', 'e.key <= r.copy.after));'),
    ],
    {
      ...oneChain,
      ...storm('blank', 'crash', 'drain'),
      trimEveryMs: 300,
      workload: {
        keys: 10,
        reads: 0.3,
        weakReads: 0,
        conditions: 0,
        deletes: 0.5,
        adds: 0,
        valueBytes: 100_000,
      },
    },
  ),
  bug(
    'old-chunk-over-new-values',
    'P27, section 5',
    'a chunk of a copy that is older than what is applied is taken',
    [
      edit(joining, '  if (m.at.seq < c.commit) return pullCopy(r, ctx);\n', ''),
      edit(joining, '  r.copied.push(...values, ...overtook(r, m));', '  r.copied.push(...values);'),
    ],
    { ...oneChain, ...storm('blank', 'drain', 'slowpath'), trimEveryMs: 300, seeds: 1000 },
  ),
  bug(
    'mark-ahead-of-values',
    'P3',
    'the commit mark on disk runs ahead of the applied values',
    [
      edit(
        'replica/batch.ts',
        'const applied = Math.min(r.commit, r.appliedTaken + appliesPerBatch) as Seq;',
        'const applied = Math.min(r.commit, r.appliedTaken + 1) as Seq;',
      ),
      edit('replica/batch.ts', 'commit: positionAt(r.log, applied),', 'commit: positionAt(r.log, r.commit),'),
    ],
    restarts,
  ),
  bug(
    'trim-above-the-commit-mark',
    'R41, section 5',
    'the log is trimmed as far as retention wants',
    [
      edit(
        'replica/batch.ts',
        'const to = Math.min(r.trimWanted, r.appliedDisk, r.commit, pin) as Seq;',
        'const to = Math.min(r.trimWanted, r.log.end.seq) as Seq;',
      ),
    ],
    { ...oneChain, ...storm('trim', 'freeze') },
  ),
];
