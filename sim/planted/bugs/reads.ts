/** Planted bugs of reads, leases and barriers (section 3). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const reading = 'replica/reading.ts';
const context = 'node/context.ts';
const secondVersionLook = edit(
  reading,
  "if (r.installed !== f.installed || r.role !== 'member') {",
  'if (false) {',
);
const secondLeaseLook = edit(
  reading,
  "} else if (f.proof === 'lease' && !ctx.leaseCovers(r)) return readStrong(",
  '} else if (false) return readStrong(',
);

export const readBugs: readonly PlantedBug[] = [
  bug('dirty-read-at-own-mark', '3', 'a strong read of a dirty key does not ask the tail', [
    edit(reading, 'if (isTail(r) || !(dirty || isAhead(q, r.commit))) return readAt', 'return readAt'),
  ]),
  bug(
    'no-second-look',
    'P20',
    'a clean read looks at version and lease before the fetch only',
    [secondVersionLook, secondLeaseLook],
    inStory('P20'),
  ),
  bug(
    'lease-never-ends',
    'P19',
    'a node believes in a read lease that ran out',
    [edit(context, 'now.mono < lease.until &&', '')],
    'cutOff',
  ),
  bug(
    'lease-from-answer',
    'P19',
    'a node counts its lease from the answer, not from the sending of its heartbeat',
    [
      edit(
        'node/control.ts',
        's.lease.until = beat.sentAt + leaseHeldMs(',
        's.lease.until = s.now.mono + leaseHeldMs(',
      ),
    ],
    'frozenAsking',
  ),
  bug(
    'lease-for-everything',
    'R35',
    'a lease also covers versions installed after its heartbeat, and slots that the leader denied',
    [
      edit(context, 'r.installed <= lease.installs &&', ''),
      edit(context, '!lease.denied.has(r.slot) &&', ''),
    ],
    'longCuts',
  ),
  bug(
    'sleep-keeps-lease',
    'P44',
    'a lease outlives a suspend during which the monotonic clock stood still',
    [edit('node/node.ts', 'if (slept !== 0 || now.mono - s.now.mono > readLeaseMs / 2)', 'if (false)')],
    'asleep',
  ),
  bug(
    'grant-outlives-sleep',
    'P44',
    'a grant that came while the machine slept gives a lease',
    [edit('node/node.ts', 's.control.beats.clear();\n', '')],
    'asleepAsking',
  ),
  bug(
    'ages-outlive-sleep',
    'R16',
    'a bounded read counts from a question of before the machine slept',
    [edit('node/node.ts', 'for (const r of s.replicas.values()) forgetAges(r);', '')],
    'asleepBounded',
  ),
  bug(
    'emptied-slot-read',
    '3',
    'a weak read shows a slot that was emptied while the store was read',
    [edit(reading, ' || r.emptied !== f.emptied)', ')')],
    inStory('R42'),
  ),
  bug(
    'position-below-value',
    'R42',
    'a read names the position that it asked for, although the store showed a newer value',
    [
      edit(
        reading,
        'return Math.max(upTo, shown) as Seq;',
        'return Math.min(upTo, shown) < 0 ? shown : upTo;',
      ),
    ],
    inStory('R42'),
  ),
  bug(
    'query-joined-under-way',
    'P22',
    'a read joins a question to the tail that began before it',
    [
      edit(
        reading,
        'r.query.next.push(p);',
        '(r.query.asked === 0 ? r.query.next : r.query.waiting).push(p);',
      ),
    ],
    'slowTail',
  ),
  bug(
    'barrier-joined-under-way',
    'P22',
    'a read joins a barrier that began before it',
    [
      edit(
        reading,
        'r.barrier.next.push(p);',
        '(r.barrier.asked === 0 ? r.barrier.next : r.barrier.waiting).push(p);',
      ),
    ],
    'slowAnswers',
  ),
  bug(
    'barrier-skips-the-tail',
    'P45',
    'a barrier does not ask the tail',
    [
      edit(
        reading,
        'r.barrier.missing = a.members.filter(',
        'r.barrier.missing = a.members.slice(0, -1).filter(',
      ),
    ],
    'slowTailNoLease',
  ),
  bug(
    'barrier-asks-nobody',
    'P45',
    'without a lease a member answers by its own belief',
    [
      edit(
        reading,
        'r.barrier.missing = a.members.filter(',
        'r.barrier.missing = a.members.slice(0, 0).filter(',
      ),
    ],
    'cutOff',
  ),
  bug(
    'tail-answers-query-unproven',
    'P21',
    'neither who asks the tail for its commit mark nor the tail has a lease or a barrier',
    [
      edit(reading, 'if (ctx.leaseCovers(r)) return answerQuery(', 'return answerQuery('),
      edit(
        reading,
        'if (agrees && m.commit !== null && ctx.leaseCovers(r)) {',
        'if (agrees && m.commit !== null) {',
      ),
      edit(
        reading,
        "if (!ctx.leaseCovers(r)) return askAll(r, ctx, { kind: 'read', tag, request: q, until });\n  const",
        "if (!ctx.leaseCovers(r) && !isTail(r)) return askTail(r, ctx, { kind: 'read', tag, request: q, until });\n  const",
      ),
      secondLeaseLook,
    ],
    'cutOff',
  ),
  bug(
    'bounded-from-answer',
    'R16',
    'a bounded read counts from the answer of the tail, not from the question',
    [edit(reading, 'r.tailAskedAt = askedAt;', 'r.tailAskedAt = ctx.mono;')],
    inStory('R16'),
  ),
  bug(
    'bounded-by-any-word',
    'R16',
    'a bounded read counts from any word of the tail, whether a lease covered it or not',
    [
      edit(
        'replica/chain.ts',
        'if (commit.seq > r.learned) r.learned = commit.seq;',
        'if (commit.seq > r.learned) r.learned = commit.seq;\n  r.tailAskedAt = ctx.mono;',
      ),
      edit(reading, 'if (isTail(r) ? ctx.leaseCovers(r) : ', 'if (isTail(r) ? true : '),
    ],
    'cutBounded',
  ),
  bug(
    'session-token-ignored',
    'R51',
    'a session read answers below what its session has seen',
    [
      edit(reading, 'if (isAhead(q, r.commit)) return readStrong(', 'if (false) return readStrong('),
      edit(reading, "if (q.level === 'session' && q.token !== null) {", 'if (false) {'),
    ],
    'slowTailWeak',
  ),
  bug(
    'session-ahead-of-the-chain',
    'R51',
    'a session that saw more than the chain holds is answered as if it had not',
    [edit(reading, "seq > upTo ? 'none' : ", '')],
    inStory('R51'),
  ),
  bug(
    'joiner-answers-reads',
    'P25',
    'a replica that is still being copied answers session and eventual reads',
    [
      edit(
        'node/requests.ts',
        "if (r.installing !== null || r.role !== 'member' || !r.complete) return false;",
        "if (r.installing !== null || r.role === 'none') return false;",
      ),
    ],
    'weak',
  ),
];
