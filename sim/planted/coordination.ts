/** Planted bugs of coordinators, of registration and of clients. */
import { type Bug, bug, edit, oneChain, storm } from './bug.ts';

const nodes = 'coordinator/nodes.ts';
const chains = 'coordinator/chains.ts';
const election = 'coordinator/election.ts';
const session = 'client/session.ts';

const hotKey = {
  workload: { keys: 1, reads: 0.5, weakReads: 0, conditions: 0.3, deletes: 0.1, adds: 0, valueBytes: 0 },
} as const;
const leaders = {
  ...oneChain,
  ...hotKey,
  coordinators: 3,
  ...storm(
    'coordcrash',
    'coordfreeze',
    'coordsuspend',
    'resign',
    'uncoordinated',
    'cut',
    'outage',
    'unknown',
    'leave',
  ),
  faultForMs: [300, 6000] as const,
  durationMs: 30_000,
};

export const coordinationBugs: readonly Bug[] = [
  bug(
    'last-whole-member-is-left-out',
    'R7, 4.8',
    'any member may carry a chain on alone, also one that does not have everything yet',
    [
      edit(
        chains,
        '  if (!rest.some((m) => m.whole)) return false;\n  if (out.some',
        '  if (rest.length === 0) return false;\n  if (out.some',
      ),
      edit(
        'replica/handshake.ts',
        "r.answerFrom = r.role === 'joiner' ? m.commit.seq : m.end.seq;",
        'r.answerFrom = 0 as Seq;',
      ),
      edit(
        chains,
        'if (report?.version !== c.version || report.insync !== j.incarnation) return false;',
        'if (report?.version !== c.version) return false;',
      ),
    ],
    { ...oneChain, ...storm('crash', 'blank', 'cut', 'drain'), trimEveryMs: 300 },
  ),
  bug(
    'joins-without-being-in-sync',
    'R10, section 5',
    'a joiner becomes the tail whatever the old tail says of it',
    [
      edit(
        chains,
        'if (report?.version !== c.version || report.insync !== j.incarnation) return false;',
        'if (report === undefined) return false;',
      ),
    ],
    { ...oneChain, ...storm('blank', 'crash', 'drain', 'cut'), trimEveryMs: 300 },
  ),
  bug(
    'leader-without-a-fence',
    'R11, section 6',
    'a new leader decides on the state that it read, without having written its epoch',
    [
      edit(
        election,
        '  fence(s, { ...old, epoch: (old.epoch + 1) as Epoch, revision: (old.revision + 1) as Revision });\n',
        "  const mine = { ...old, epoch: (old.epoch + 1) as Epoch };\n  onFenced(s, mine, { kind: 'written', tag: o.tag as string });\n",
      ),
    ],
    { ...leaders, seeds: 1500 },
  ),
  bug(
    'grants-after-the-end',
    'R12, section 6',
    'a leader goes on until it hears of another one',
    [
      edit(
        election,
        "s.leading.at === 'leader' && s.now.mono < s.leaderUntil;",
        "s.leading.at === 'leader';",
      ),
      edit(
        election,
        "if (s.leading.at !== 'follower' && s.now.mono >= s.leaderUntil)",
        'if (false as boolean)',
      ),
    ],
    { ...leaders, seeds: 3000 },
  ),
  bug(
    'takeover-without-a-wait',
    'R13, P43',
    'a new leader takes leases of its predecessor for over',
    [
      edit(
        nodes,
        '  s.takeoverAt +\n  leaseGrantedMs(s.saved?.leaseMsMax ?? s.desired.timings.readLeaseMs, s.desired.timings.clockRate);',
        '  Number.NEGATIVE_INFINITY * (s.takeoverAt >= 0 ? 1 : 1) + 0 * leaseGrantedMs(0, 0);',
      ),
    ],
    { ...leaders, seeds: 1500 },
  ),
  bug(
    'takeover-waits-its-own-lease',
    'R14, section 6',
    'the wait of a new leader is as long as its own setting says, not as any leader allowed',
    [edit(nodes, 's.saved?.leaseMsMax ?? s.desired.timings.readLeaseMs', 's.desired.timings.readLeaseMs')],
    {
      ...leaders,
      ...storm('retune', 'coordcrash', 'resign', 'uncoordinated', 'cut'),
      faultForMs: [300, 6000],
      seeds: 3000,
    },
  ),
  bug(
    'unknown-save-counts-as-saved',
    'R31, section 6',
    'a save with unknown outcome is published',
    [
      edit(
        'coordinator/saving.ts',
        "  call(s, { kind: 'reread', state }, 'state', null);\n}",
        '  confirm(s, state, s.stateTag as string);\n}',
      ),
    ],
    { ...leaders, ...storm('unknown', 'outage', 'crash', 'coordcrash', 'leave'), seeds: 1000 },
  ),
  bug(
    'old-process-is-not-waited-for',
    'R23, section 3',
    'a new process of a node takes the place of the old one without a proof that it is over',
    [
      edit(
        nodes,
        '(before?.gone === true || (sameStore && m.lockProof && m.previous === known.incarnation));',
        '(before?.gone === true || sameStore);',
      ),
    ],
    {
      ...oneChain,
      ...hotKey,
      ...storm('twin', 'cut', 'uncoordinated'),
      faultForMs: [300, 5000],
      seeds: 1500,
    },
  ),
  bug(
    'lower-epochs-are-taken',
    'P42, 4.3',
    'nodes obey leaders of the past',
    [
      edit('node/control.ts', 'if (epoch === 0 || epoch < c.epoch) return false;', ''),
      edit('node/control.ts', '  if (m.epoch === c.setEpoch && m.revision <= c.setRevision) return;\n', ''),
    ],
    { ...leaders, seeds: 1500 },
  ),
  bug(
    'stale-heartbeats-count',
    '4.2',
    'a heartbeat that arrives late overwrites what a newer one said',
    [edit(nodes, 'if (h.gone || m.beat <= h.beat) return;', 'if (h.gone) return;')],
    {
      ...oneChain,
      ...storm('reset', 'uncoordinated', 'crash', 'drain'),
      network: { delayMs: 0.2, spreadMs: 2, noticeMs: 600, late: 0.9, lateMs: 4000, repeat: 0.5 },
      seeds: 1000,
    },
  ),
  bug(
    'routes-are-orders',
    'R6, 4.1',
    'a node installs a version that it only heard of',
    [
      edit(
        'node/control.ts',
        'if (r === undefined || names(route, c.incarnation)) continue;',
        'if (r === undefined) continue;',
      ),
    ],
    {
      ...oneChain,
      ...hotKey,
      ...storm('cut', 'oneway', 'uncoordinated', 'drain'),
      faultForMs: [300, 5000],
      seeds: 1000,
    },
  ),
  bug(
    'client-retries-under-a-new-number',
    'P35, 2.9',
    'each attempt of a write has a number of its own',
    [
      edit(
        session,
        '      number: call.number,\n      floor: this.#open.keys().next().value ?? call.number,',
        '      number: (call.number * 64 + (call.attempts % 64)) as RequestNumber,\n      floor: (call.number * 64) as RequestNumber,',
      ),
    ],
    {
      ...oneChain,
      ...storm('crash', 'freeze', 'reset'),
      workload: { keys: 10, reads: 0.3, weakReads: 0, conditions: 0.3, deletes: 0, adds: 0.5, valueBytes: 0 },
    },
  ),
  bug(
    'ambiguous-is-taken-for-failed',
    'P39, 2.10',
    'a client forgets that an attempt without answer may have been taken',
    [edit(session, "if (sent && call.operation.op !== 'get') call.open++;", '')],
    { ...oneChain, ...storm('crash', 'freeze', 'reset', 'cut') },
  ),
  bug(
    'lost-passed-write-is-a-definite-failure',
    'P39, 2.10',
    'a node says that a write failed which it had passed on without hearing of it again',
    [
      edit(
        'node/requests.ts',
        "failure('AMBIGUOUS', `${p.to} did not answer; retry under the same request number`)",
        "failure('UNAVAILABLE', `${p.to} did not answer`)",
      ),
    ],
    { ...oneChain, ...storm('crash', 'reset', 'cut') },
  ),
];
