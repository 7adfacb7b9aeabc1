/** Planted bugs of copies and joins (section 5). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const joining = 'replica/joining.ts';
const chains = 'coordinator/chains.ts';
const wholeAtOnce = edit(
  chains,
  '{ ...j, since: version, whole: false };',
  '{ ...j, since: version, whole: true };',
);

export const joinBugs: readonly PlantedBug[] = [
  bug(
    'copy-without-memory',
    'P27',
    'a chunk of a copy shows the store alone, without what is committed and not applied yet',
    [
      edit(
        joining,
        'const { values, next } = overlay(r, f.after, part, ctx.limits.copyBytes);',
        'const { next } = part;\n  const values = [...part.values];',
      ),
    ],
    'copies',
  ),
  bug(
    'scan-not-pinned',
    'R42',
    'what is applied and let go of while a chunk is scanned is not in the chunk',
    [edit('replica/pins.ts', 'pin(r, r.appliedDisk)', 'pin(r, Number.POSITIVE_INFINITY as Seq)')],
    'copies',
  ),
  bug(
    'broken-pin-trusted',
    'R42',
    'a scan whose pin broke makes a chunk all the same',
    [
      edit(joining, 'if (!whole || r.installed', 'if (r.installed'),
      edit(
        joining,
        "invariant(r.log.base <= f.pin.above, 'what is above a pin is in memory'",
        "invariant(true, ''",
      ),
    ],
    inStory('R42'),
  ),
  bug(
    'bar-of-a-repeated-question',
    'R42',
    'a joiner refuses a chunk that is older than the last repetition of its question',
    [edit(joining, 'if (!c.asked) c.commit = r.commit;', 'c.commit = r.commit;')],
    inStory('R42'),
  ),
  bug(
    'memory-for-a-joiner',
    'R42',
    'what a joiner was not sent stays in memory',
    [
      edit(
        'replica/chain.ts',
        'release(r.log, Math.min(r.appliedDisk, copyPin(r), lowestPin(r)) as Seq);\n  while',
        'release(r.log, Math.min(r.appliedDisk, copyPin(r), lowestPin(r), r.down?.sent ?? r.appliedDisk) as Seq);\n  while',
      ),
    ],
    'slowJoiners',
  ),
  bug(
    'marks-of-a-joiner-once',
    'P8',
    'a commit mark that a joiner did not hear is not told again',
    [edit('replica/chain.ts', 'd.saidCommit >= r.commit', 'true')],
    inStory('P8'),
  ),
  bug(
    'flight-unbounded',
    'R45',
    'a successor that confirms nothing is sent entries of any number of bytes',
    [edit('replica/chain.ts', ' || d.flyingBytes >= ctx.limits.inFlightBytes;', ';')],
    inStory('R45'),
  ),
  bug(
    'offered-held-back',
    'R45',
    'what a handshake offered waits for a confirmation that can not come before it is there',
    [edit('replica/chain.ts', 'if (d.sent >= r.commit && d.sent < d.offered.end.seq) return false;', '')],
    inStory('R45'),
  ),
  bug(
    'joiner-holds-the-log',
    'P28',
    'a joiner that lags holds the log of its source, however large it grows',
    [edit('replica/batch.ts', 'Math.max(pinOf(r), r.trimOverdue)', 'pinOf(r)')],
    inStory('P28'),
  ),
  bug(
    'stream-outlives-its-log',
    'P28',
    'a stream goes on although what its successor was not sent is trimmed',
    [edit('replica/batch.ts', '  r.down = null;\n}', '}')],
    inStory('P28'),
  ),
  bug(
    'overlay-unbounded',
    'R42',
    'what is laid over a chunk makes it as large as it likes',
    [edit(joining, 'if (bytes >= maxBytes) return', 'if (false) return')],
    'smallChunks',
  ),
  bug(
    'copy-misses-deletes',
    'P30',
    'a chunk of a copy shows keys that were deleted meanwhile',
    [
      edit(
        joining,
        '!inMemory.has(stored.key)) found.push(stored);',
        '(!inMemory.has(stored.key) || !storesValue(inMemory.get(stored.key)))) found.push(stored);',
      ),
    ],
    'copies',
  ),
  bug(
    'old-chunk-taken',
    'P27',
    'a joiner takes a chunk that is older than its log',
    [
      edit(joining, 'if (m.at.seq < c.commit) return;', ''),
      edit(joining, 'r.copied.push(...values, ...overtook(r, m));', 'r.copied.push(...values);'),
    ],
    'copies',
  ),
  bug(
    'range-not-emptied',
    'P30',
    'a copy is laid over what the joiner had before',
    [
      edit(
        'replica/batch.ts',
        "items.push({ kind: 'erase', slot, start: r.eraseAt });",
        "items.push({ kind: 'drop', slot, to: r.eraseAt.seq });",
      ),
    ],
    'copies',
  ),
  bug('admitted-while-copying', 'P27', 'a joiner becomes the tail before it has everything', [
    edit(chains, 'if (report?.version !== c.version || report.insync !== j.incarnation) return false;', ''),
  ]),
  bug(
    'joiner-counts-at-once',
    'R7',
    'a joiner may carry the chain alone before it answers as its tail, and may come in without being in-sync',
    [
      wholeAtOnce,
      edit(
        chains,
        'if (report?.version !== c.version || report.insync !== j.incarnation) return false;',
        'if (report === undefined) return false;',
      ),
    ],
    'changes',
  ),
  bug(
    'old-insync-report',
    'R10',
    'an in-sync report of an older version admits a joiner, and commits do not wait for it',
    [
      wholeAtOnce,
      edit(
        chains,
        'if (report?.version !== c.version || report.insync !== j.incarnation) return false;',
        'if (report?.insync !== j.incarnation) return false;',
      ),
      edit(
        'replica/chain.ts',
        'r.insync === noIncarnation ? durable(r) : Math.min(durable(r), r.joinerDisk)',
        'durable(r)',
      ),
    ],
    'shortJoins',
  ),
];
