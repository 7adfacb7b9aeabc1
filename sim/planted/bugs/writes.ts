/** Planted bugs of writes, conditions, retries and the table of results (rules 2.1 to 2.10). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const writing = 'replica/writing.ts';

export const writeBugs: readonly PlantedBug[] = [
  bug('done-before-commit', '2.6', 'the head answers a write when it ordered it', [
    edit(
      writing,
      "import { refusalMessages, resultReply } from './results.ts';",
      "import { refusalMessages, resultReply, writtenReply } from './results.ts';",
    ),
    edit(
      writing,
      "item.waiters = [{ kind: 'write', tag, refusal: null }];",
      'ctx.reply(tag, writtenReply(entry, r.dedupe.time));',
    ),
  ]),
  bug('positions-without-version', 'P13', 'entries are numbered by sequence alone', [
    edit(
      writing,
      'const version = r.assignment?.version;',
      'const version = r.assignment === null ? undefined : 1;',
    ),
  ]),
  bug('told-by-sequence', 'R5', 'who waits for an entry is kept by its sequence and outlives a drop', [
    edit(
      'replica/chain.ts',
      'abandonWaiters(r, ctx, item);',
      'if (item.waiters !== null) (r.waitersBySeq ??= new Map()).set(item.entry.seq, item.waiters);',
    ),
    edit(
      'replica/chain.ts',
      'answerWaiters(r, ctx, item);',
      'item.waiters ??= r.waitersBySeq?.get(seq) ?? null;\n    answerWaiters(r, ctx, item);',
    ),
    edit('replica/install.ts', 'if (!isHead(r)) abandonAll(r, ctx);', ''),
  ]),
  bug(
    'retry-ignores-pending',
    'R9',
    'a retry does not look for its first attempt among pending entries',
    [edit(writing, 'if (first !== undefined) {', 'if (false) {')],
    'retries',
  ),
  bug(
    'new-head-forgets-pending',
    'R9',
    'a new head takes writes without the pending requests of its log',
    [edit('replica/install.ts', 'rebuildRequests(r);', '')],
    'retries',
  ),
  bug(
    'conditions-on-committed',
    'P37',
    'conditions look at the committed value, not at the newest pending one',
    [
      edit(
        writing,
        'const effect = decide(q, present);',
        `let old = item;
  while (old !== null && old.entry.seq > r.commit) old = old.older;
  const effect = decide(q, old !== null && storesValue(old.entry) ? old.entry : null);`,
      ),
    ],
  ),
  bug('fetched-value-overtaken', 'P37', 'entries of a key may leave memory while a write reads its value', [
    edit('replica/pins.ts', 'pin(r, r.log.end.seq)', 'pin(r, Number.POSITIVE_INFINITY as Seq)'),
  ]),
  bug(
    'broken-pin-of-a-write',
    'R42',
    'a write is decided by a stored value although entries of its key were let go of meanwhile',
    [edit(writing, 'if (!whole) return fetchForWrite(', 'if (false) return fetchForWrite(')],
    inStory('R42'),
  ),
  bug(
    'refusal-without-proof',
    'R8',
    'a refused condition is answered without lease or barrier',
    [
      edit(
        writing,
        'proveRefusal(r, ctx, { kind:',
        'ctx.reply(tag, refusalReply(by, newest, r.log.end, r.dedupe.time));\n  if (false) proveRefusal(r, ctx, { kind:',
      ),
      edit(
        writing,
        "import { refusalMessages, resultReply } from './results.ts';",
        "import { refusalMessages, refusalReply, resultReply } from './results.ts';",
      ),
    ],
    'cutRefused',
  ),
  bug(
    'refusal-of-pending-at-once',
    'P38',
    'a condition that fails because of a pending entry is refused before that is committed',
    [edit(writing, 'if (item !== null && item.entry.seq > r.commit) {', 'if (false) {')],
    'retries',
  ),
  bug(
    'retry-refusal-not-logged',
    'R17',
    "a retry's refusal is not logged, so that its first attempt may still take effect",
    [edit(writing, 'if (q.retry) return append(', 'if (false) return append(')],
    'refusedRetries',
  ),
  bug(
    'results-lost-at-restart',
    'P35',
    'a started process does not rebuild the results from its log',
    [
      edit(
        'replica/replica.ts',
        'if (entry.seq <= b.marks.commit.seq) takeIn(table, entry, room.horizonMs);',
        ';',
      ),
    ],
    'retries',
  ),
  bug(
    'results-lost-at-trim',
    'P35',
    'a trim does not keep the results of the entries that go',
    [
      edit(
        'replica/batch.ts',
        'const saved = saveSessions(r, items, ctx.limits.copyBytes);',
        'const saved = r.commit;',
      ),
    ],
    'retries',
  ),
  bug(
    'results-not-copied',
    'P35',
    'a copy carries values without the results of requests',
    [edit('replica/joining.ts', 'r.dedupe.sessions.set(...session);', '')],
    'retries',
  ),
  bug(
    'sessions-in-one-slice',
    'R45',
    'a trim saves all sessions that changed with one batch',
    [
      edit(
        'replica/batch.ts',
        'r.saving.next < clients.length && bytes < sliceBytes',
        'r.saving.next < clients.length',
      ),
    ],
    inStory('R45'),
  ),
  bug(
    'trim-before-sessions',
    'R45',
    'a trim does not wait for the slices of sessions that follow',
    [edit('replica/batch.ts', 'if (r.saving.next < clients.length) return null;', '')],
    inStory('R45'),
  ),
  bug(
    'sessions-in-one-page',
    'R45',
    'a copy brings all sessions in one message',
    [
      edit(
        'replica/joining.ts',
        'pageOfSessions(r.dedupe, m.after, ctx.limits.copyBytes)',
        'pageOfSessions(r.dedupe, m.after, 1e9)',
      ),
    ],
    'smallFrames',
  ),
  bug(
    'forgotten-executed',
    'R18',
    'a request that may be one of the forgotten ones is executed',
    [
      edit(
        'replica/dedupe.ts',
        "if (slotTime <= table.forgotten.stamp) return { kind: 'expired', why: 'old' };",
        '',
      ),
    ],
    inStory('R18'),
  ),
  bug(
    'refusal-without-position',
    'R8',
    'a refused condition on an absent key does not say what it reflects',
    [
      edit(
        'replica/reading.ts',
        'refusalReply(p.refusal, p.seen, positionAt(r.log, r.commit), r.dedupe.time)',
        'refusalReply(p.refusal, p.seen, r.log.start, r.dedupe.time)',
      ),
    ],
    inStory('R8'),
  ),
  bug(
    'stamps-go-back',
    'R18',
    "the head stamps entries by its own clock, also below the last entry's stamp",
    [edit(writing, 'const stamp = Math.max(ctx.wall, lastStamp);', 'const stamp = ctx.wall;')],
    'clocks',
  ),
  bug(
    'expired-executed',
    'R18',
    'a request older than the table of results is executed',
    [
      edit(
        'replica/dedupe.ts',
        "if (slotTime < table.time - horizonMs) return { kind: 'expired', why: 'old' };",
        '',
      ),
    ],
    'clocks',
  ),
  bug(
    'answered-executed-again',
    'R18',
    "a request below its client's window is executed",
    [
      edit(
        'replica/dedupe.ts',
        "if (session !== undefined && number < session.floor) return { kind: 'expired', why: 'answered' };",
        '',
      ),
    ],
    'retries',
  ),
];
