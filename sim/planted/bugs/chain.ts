/** Planted bugs of replication, versions and handshakes (sections 2 and 4). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const chain = 'replica/chain.ts';
const install = 'replica/install.ts';
const handshake = 'replica/handshake.ts';
const replica = 'replica/replica.ts';
const ownByName = edit(
  install,
  'm.node === ctx.name && m.incarnation === ctx.incarnation;',
  'm.node === ctx.name;',
);
const senderByName = edit(
  'replica/state.ts',
  'return m !== undefined && m !== null && m.incarnation === incarnation ? m : null;',
  'return m ?? null;',
);

export const chainBugs: readonly PlantedBug[] = [
  bug('on-disk-when-handed-over', 'P1', 'a batch counts as on disk when it is given to the disk', [
    edit('replica/batch.ts', 'r.taken = r.log.end.seq;', 'r.taken = r.log.end.seq;\n    r.disk = r.taken;'),
  ]),
  bug(
    'marks-skip-predecessor',
    '2.4',
    "a replica passes its own disk as durable, without its predecessor's mark",
    [edit('replica/state.ts', 'if (r.index === 0) return r.disk;', 'if (r.index >= 0) return r.disk;')],
  ),
  bug(
    'persisted-proves-dropped',
    'R4',
    'a written batch proves entries that were dropped since it was taken',
    [edit(chain, 'if (r.flight !== null) r.flight.top = Math.min(r.flight.top, to.seq) as Seq;', '')],
    'batchesUnderWay',
  ),
  bug(
    'marks-kept-across-versions',
    'R5',
    "the predecessor's durable mark outlives its version",
    [edit(install, 'r.before = null;', '')],
    inStory('R5'),
  ),
  bug('new-tail-commits-its-log', 'R2', 'a new tail commits its whole durable log', [
    edit(
      install,
      "import { advance } from './chain.ts';",
      "import { advance, setCommit } from './chain.ts';",
    ),
    edit(
      install,
      'if (isTail(r) && !r.answering) r.readable = false;',
      'if (isTail(r) && r.disk > r.commit) setCommit(r, ctx, r.disk);\n  if (isTail(r) && !r.answering) r.readable = false;',
    ),
  ]),
  bug(
    'tail-answers-at-mark',
    'R2',
    "a new tail answers when it has its predecessor's commit mark, not the end of its log",
    [
      edit(
        handshake,
        "r.answerFrom = r.role === 'joiner' ? m.commit.seq : m.end.seq;",
        'r.answerFrom = m.commit.seq;',
      ),
    ],
    inStory('R2'),
  ),
  bug(
    'tail-answers-at-once',
    'R2',
    'a new tail answers as soon as it shook hands',
    [
      edit(chain, '|| !r.complete || r.disk < r.answerFrom) return;', '|| !r.complete) return;'),
      edit(chain, 'if (r.answering || r.commit < r.answerFrom) return;', 'if (r.answering) return;'),
    ],
    inStory('R2'),
  ),
  bug(
    'handshakes-in-any-order',
    'R1',
    'links shake hands in any order, equal ends prove equal logs, and no mark or entry is compared',
    [
      edit(
        handshake,
        'if (peer === null || !r.shaken || r.assignment === null',
        'if (peer === null || r.assignment === null',
      ),
      edit(handshake, 'if (r.log.end.seq < r.offerFrom) {', 'if (false) {'),
      edit(handshake, 'if (peer !== null && r.shaken) {', 'if (peer !== null) {'),
      edit(install, 'else sayReady(r, ctx);', 'else {\n    offer(r, ctx);\n    sayReady(r, ctx);\n  }'),
      edit(
        chain,
        '|| entry.seq !== r.log.end.seq + 1 || entry.versionBefore !== r.log.end.version)',
        '|| entry.seq !== r.log.end.seq + 1)',
      ),
      edit(chain, 'if (version !== undefined && version !== m.durable.version)', 'if (false)'),
      edit(chain, 'if (m.end.seq !== r.log.end.seq || m.end.version !== r.log.end.version)', 'if (false)'),
    ],
    inStory('R1'),
  ),
  bug(
    'acts-under-old-incarnation',
    'R3',
    'a started process acts under a version that names the process before it',
    [ownByName, senderByName],
    inStory('R3'),
  ),
  bug(
    'restart-takes-part',
    'R3',
    'a process finds itself in a version by its name alone',
    [ownByName],
    inStory('R3'),
  ),
  bug('resend-skipped', 'P10', 'after a member in the middle went, the next one is not sent what it lacks', [
    edit(chain.replace('chain.ts', 'handshake.ts'), 'd.sent = m.common.seq;', 'd.sent = r.log.end.seq;'),
  ]),
  bug('head-drops-pending', '4.6', 'a new head drops what is not committed in its log', [
    edit(
      install,
      "import { advance } from './chain.ts';",
      "import { advance, drop } from './chain.ts';\nimport { positionAt } from './log.ts';",
    ),
    edit(install, 'rebuildRequests(r);', 'drop(r, ctx, positionAt(r.log, r.commit));'),
  ]),
  bug('drop-not-on-disk', 'R20', 'dropped entries go from memory, not from the disk', [
    edit('replica/batch.ts', "items.push({ kind: 'drop', slot, to: r.dropTo });", ''),
  ]),
  bug(
    'witness-thrown-out',
    'R15',
    'a replica that lost the end of its log stays, and others drop what it lacks',
    [
      edit(replica, 'if (comparePositions(r.passed, log.end) > 0)', 'if (false)'),
      edit(handshake, 'if (bound && comparePositions(r.promised, m.end) > 0) return', 'if (false) return'),
      edit(handshake, '(comparePositions(m.promised, r.log.end) > 0 || ', '(false || '),
    ],
    inStory('R15'),
  ),
  bug(
    'promised-as-saved',
    'R50',
    'a process that was started takes only that for promised which its last batch said',
    [
      edit(
        replica,
        'r.promised = comparePositions(b.marks.promised, log.end) > 0 ? b.marks.promised : log.end;',
        'r.promised = b.marks.promised;',
      ),
    ],
    'torn',
  ),
  bug(
    'promised-by-the-saved-order',
    'R50',
    'after a start nobody is bound who stood behind in the order that was saved last',
    [
      edit(
        install,
        'r.assignment = a;\n  r.known = a;',
        'if (r.known !== null) r.promisers ??= namesBefore(r.known, ctx.name);\n  r.assignment = a;\n  r.known = a;',
      ),
    ],
    inStory('R50'),
  ),
  bug(
    'power-cut-believed',
    '2.7',
    'a replica believes its log after a power cut that may have taken the end of it',
    [edit(replica, 'if (b.syncedEnd !== undefined)', 'if (false)')],
    inStory('R22'),
  ),
  bug(
    'order-by-length',
    'R22',
    'logs are compared by length before version',
    [
      edit(
        'words.ts',
        'a.version !== b.version ? a.version - b.version : a.seq - b.seq;',
        'a.seq !== b.seq ? a.seq - b.seq : a.version - b.version;',
      ),
    ],
    inStory('R22'),
  ),
  bug(
    'trim-above-commit',
    'R41',
    'the log is trimmed above what is committed and applied',
    [
      edit(
        'replica/batch.ts',
        'const to = Math.min(wanted, r.appliedDisk, r.commit) as Seq;',
        'const to = Math.min(r.trimWanted, r.taken) as Seq;',
      ),
      edit('replica/batch.ts', 'positionAt(r.log, Math.min(to, saved) as Seq)', 'positionAt(r.log, to)'),
    ],
    'trims',
  ),
  bug(
    'old-version-heard',
    'P18',
    'messages of an older version, and of whoever is named alike, are taken',
    [edit(replica, 'm.version !== r.assignment.version', 'm.version > r.assignment.version'), senderByName],
    inStory('P18'),
  ),
  bug('absence-is-an-order', 'R19', 'a slot that is missing in a set of assignments is deleted', [
    edit(
      'node/control.ts',
      '  learnPeers(s);\n}',
      `  for (const slot of [...s.replicas.keys()]) {
    if (m.assignments.some((a) => a.slot === slot)) continue;
    const r = emptyReplicaOf(slot);
    r.eraseAt = { version: 0, seq: 0 };
    s.replicas.set(slot, r);
    s.unsaved.add(r);
  }
  learnPeers(s);
}`,
    ),
  ]),
  bug('stale-set-taken', 'R19', 'a set of assignments older than the last one is taken, lower versions too', [
    edit('node/control.ts', 'if (m.epoch === c.set.epoch && m.revision <= c.set.revision) return;', ''),
    edit(install, 'if (a.version < r.highest) return;', ''),
  ]),
  bug(
    'trimmed-under-a-member',
    'P28',
    'retention takes entries that a member far behind was not sent yet',
    [
      edit(
        'replica/batch.ts',
        'return isTail(r) ? d.heard : d.sent;',
        'return isTail(r) ? d.heard : r.commit;',
      ),
    ],
    inStory('P28'),
  ),
  bug('tail-tells-its-disk', '2.5', 'the tail tells the head what it has on disk, committed or not', [
    edit(chain, 'tellHead(r, ctx, commit))', 'tellHead(r, ctx, positionAt(r.log, r.disk)))'),
  ]),
  bug(
    'effects-leave-memory',
    '2.2',
    'entries leave memory when they are committed, before their effect is on disk',
    [
      edit(
        chain,
        'release(r.log, Math.min(r.appliedDisk, copyPin(r), lowestPin(r)) as Seq);\n  while',
        'release(r.log, Math.min(r.commit, copyPin(r), lowestPin(r)) as Seq);\n  while',
      ),
    ],
  ),
  bug('failed-disk-believed', 'P65', 'a write that failed counts as written', [
    edit(
      'node/node.ts',
      'return this.#onFailed(event);',
      'return this.#onPersisted(this.#state.flight?.batch.id ?? 0);',
    ),
  ]),
];
