/** Planted bugs of coordinators: leadership, leases, versions (sections 3, 4 and 6). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const chains = 'coordinator/chains.ts';
const nodes = 'coordinator/nodes.ts';
const election = 'coordinator/election.ts';
const history = 'coordinator/history.ts';
const stored = 'coordinator/stored.ts';

export const coordinatorBugs: readonly PlantedBug[] = [
  bug(
    'left-out-gets-lease',
    'R6',
    'who is left out of a saved version is granted leases until it is handed out, and is told of it only then',
    [
      edit(nodes, '      leaseMs,\n      denied,', '      leaseMs,\n      denied: [],'),
      edit(nodes, 'if (!holds) return null;', 'if (!holds || !c.handedOut) return null;'),
      edit('node/control.ts', 'if (r === undefined || names(route, c.incarnation)) continue;', 'continue;'),
    ],
    'drainedSlowly',
  ),
  bug(
    'routes-are-orders',
    'R6',
    'a node installs a version that it only heard of',
    [
      edit(
        'node/control.ts',
        'if (r === undefined || names(route, c.incarnation)) continue;',
        'if (r === undefined) continue;',
      ),
    ],
    'longLeases',
  ),
  bug(
    'handed-out-at-once',
    'R6',
    'a version is handed out before the leases of those it leaves out have ended',
    [edit('coordinator/issue.ts', 'c.excluded.every(', '[].every(')],
    'longCuts',
  ),
  bug(
    'restart-ends-old-process',
    'R23',
    'a registration from the same store ends the lease of the process before it without proof',
    [
      edit(
        nodes,
        '(before?.gone === true || (sameStore && m.lockProof && m.previous === known.incarnation));',
        '(before?.gone === true || sameStore);',
      ),
    ],
    'twins',
  ),
  bug('incarnation-kept', 'R23', 'a process that registers anew keeps the incarnation of the one before it', [
    edit(
      nodes,
      'const issued = incarnation(s.work.epoch, s.counter);',
      'const issued = s.work.nodes.find((n) => n.node === m.node && n.store === m.store)?.incarnation ?? incarnation(s.work.epoch, s.counter);',
    ),
  ]),
  bug(
    'no-whole-member-kept',
    'R7',
    'a version may leave out every member that surely has everything',
    [
      edit(
        chains,
        '  if (!rest.some((m) => (m.whole && outlived(s, m, out)) || outlasts(s, c, m, rest))) return false;',
        '  if (rest.length === 0) return false;',
      ),
    ],
    inStory('R7'),
  ),
  bug(
    'waits-for-who-lost-it',
    'R50',
    'a chain waits for ever for a member that lost the end of its log, beside one that has it and never answered yet',
    [
      edit(
        chains,
        '(m.whole && outlived(s, m, out)) || outlasts(s, c, m, rest)',
        'm.whole && outlived(s, m, out)',
      ),
    ],
    inStory('R50'),
  ),
  bug(
    'blank-store-is-member',
    'P31',
    'a node that comes back with an empty store is still a member',
    [
      edit(
        chains,
        'if (n === undefined || n.incarnation === m.incarnation || n.store !== m.store) return m;',
        'if (n === undefined || n.incarnation === m.incarnation) return m;',
      ),
      edit(
        chains,
        'return { ...m, incarnation: n.incarnation, address',
        'return { ...m, store: n.store, incarnation: n.incarnation, address',
      ),
    ],
    inStory('P31'),
  ),
  bug(
    'old-heartbeat-taken',
    'P7',
    'a late heartbeat overwrites what a younger one reported',
    [edit(nodes, 'if (h.gone || m.beat <= h.beat) return;', 'if (h.gone) return;')],
    inStory('P7'),
  ),
  bug(
    'published-before-saved',
    '6',
    'versions are handed out before they are saved',
    [
      edit(
        nodes,
        'const saved = s.saved;\n  if (saved === null || !leads(s) || h.gone) return;',
        'const saved = s.work;\n  if (saved === null || !leads(s) || h.gone) return;',
      ),
    ],
    inStory('published'),
  ),
  bug(
    'unknown-save-believed',
    'R31',
    'a save with unknown outcome is taken as done',
    [
      edit(
        'coordinator/saving.ts',
        "call(s, { kind: 'reread', state }, 'state', null);",
        'confirm(s, state, s.stateTag as string);',
      ),
    ],
    inStory('R31'),
  ),
  bug(
    'leader-before-fence',
    'R11',
    'a new leader acts on what it read before it wrote its epoch',
    [edit(election, 'fence(s, next);', "onFenced(s, next, { kind: 'written', tag: o.tag as string });")],
    inStory('R11'),
  ),
  bug(
    'grants-after-own-lease',
    'R12',
    'a leader goes on after its own lease ran out',
    [
      edit(
        election,
        "s.leading.at === 'leader' && s.now.mono < s.leaderUntil;",
        "s.leading.at === 'leader';",
      ),
      edit(election, "if (s.leading.at !== 'follower' && s.now.mono >= s.leaderUntil)", 'if (false)'),
    ],
    inStory('R12'),
  ),
  bug(
    'leader-outlives-sleep',
    'P44',
    'a leader goes on with the lease that it held before its machine slept',
    [edit(election, 's.leaderUntil = Number.NEGATIVE_INFINITY;\n  for', 'for')],
    inStory('P44'),
  ),
  bug(
    'view-hides-sleep',
    'P44',
    'a look at the state takes the time on, so that the next event does not see that the machine slept',
    [
      edit(
        'coordinator/coordinator.ts',
        'this.#passTime(now);\n    return viewOf',
        'this.#state.now = now;\n    return viewOf',
      ),
    ],
    inStory('P44'),
  ),
  bug(
    'renewal-outlives-sleep',
    'P44',
    'a renewal that was under way when the machine fell asleep counts from before',
    [
      edit(
        election,
        "if (what.kind === 'acquire' || what.kind === 'renew')\n      s.storeCalls",
        'if (false)\n      s.storeCalls',
      ),
    ],
    inStory('P44'),
  ),
  bug(
    'takeover-wait-skipped',
    'R13',
    'a new leader does not wait for the leases that its predecessor granted',
    [
      edit(
        nodes,
        'leaseGrantedMs(s.saved?.leaseMsMax ?? s.desired.timings.readLeaseMs, s.desired.timings.clockRate);',
        '0;',
      ),
    ],
    inStory('R13'),
  ),
  bug(
    'takeover-wait-as-wished',
    'R14',
    'a new leader waits for the lease that is wished now, not for the longest that was allowed',
    [edit(nodes, 's.saved?.leaseMsMax ?? s.desired.timings.readLeaseMs', 's.desired.timings.readLeaseMs')],
    inStory('R14'),
  ),
  bug(
    'lease-lowered-at-once',
    'R14',
    'the allowed lease is lowered while longer ones are out',
    [edit('coordinator/coordinator.ts', 'if (s.now.mono >= s.lowerAt)', '')],
    inStory('R14'),
  ),
  bug(
    'lease-margin-reversed',
    'P44',
    'holders of leases count them longer than their granters',
    [
      edit(
        'timings.ts',
        'leaseHeldMs = (leaseMs: number, rate: number): number => leaseMs * (1 - rate)',
        'leaseHeldMs = (leaseMs: number, rate: number): number => leaseMs * (1 + rate)',
      ),
      edit(
        'timings.ts',
        'leaseGrantedMs = (leaseMs: number, rate: number): number => leaseMs * (1 + rate)',
        'leaseGrantedMs = (leaseMs: number, rate: number): number => leaseMs * (1 - rate)',
      ),
    ],
    inStory('R6'),
  ),
  bug(
    'data-dropped-early',
    'R19',
    'who is left out may delete its data while the chain is not whole',
    [
      edit(
        nodes,
        `c.handedOut &&
  c.members.length >= s.desired.replicationFactor &&
  c.joiner === null &&
  !hearing(s) &&
  c.members.every((m) => m.whole && servesNow(s, c, m));`,
        'true;',
      ),
    ],
    inStory('R19'),
  ),
  bug(
    'drop-without-their-word',
    'R44',
    'data is erased although a member did not say that it serves in this version',
    [
      edit(
        nodes,
        'c.members.every((m) => m.whole && servesNow(s, c, m));',
        'c.members.every((m) => m.whole);',
      ),
    ],
    inStory('R44'),
  ),
  bug(
    'order-of-less-taken',
    'R44',
    'a node carries out orders that its own knowledge contradicts',
    [edit('replica/install.ts', "if (why !== '') return refuseOrder", 'if (false) return refuseOrder')],
    inStory('R44'),
  ),
  bug(
    'epochs-alone',
    'R43',
    'a leader knows by its epoch alone whether nodes were led by another history',
    [edit(history, 'if (held.reign !== reign.id)', 'if (false)')],
    inStory('R43'),
  ),
  bug(
    'revision-above-believed',
    'R43',
    'a leader goes on although a node holds a later revision than was ever saved',
    [edit(history, 'if (held.revision > last)', 'if (false)')],
    inStory('R43'),
  ),
  bug(
    'version-above-believed',
    'R43',
    'a leader goes on although a node knows a later chain version than was ever saved',
    [edit(history, 'if (r.version > chain.version)', 'if (false)')],
    inStory('R43'),
  ),
  bug(
    'heartbeat-says-nothing',
    'R43',
    'a leader without a state takes no notice of nodes that were registered before',
    [
      edit(
        nodes,
        "return doubt(s, nameOf(link), 'was registered before, and there is no saved state');",
        'return;',
      ),
    ],
    'lostStates',
  ),
  bug(
    'doubt-without-a-look',
    'R43',
    'a leader whose successor saved newer states takes its own state for lost',
    [
      edit(
        'coordinator/doubt.ts',
        "if (s.leading.at !== 'leader') return;\n  s.leading",
        "if (s.leading.at === 'leader') return orphan(s, why);\n  s.leading",
      ),
    ],
    inStory('R43'),
  ),
  bug(
    'confirmed-by-whom-it-took-in',
    'R43',
    'a node without any part in a chain confirms that a state is the one of its cluster',
    [
      edit(
        'coordinator/doubt.ts',
        'for (const r of reports) if (r.version > 0 && isMemberOf(state.chains[r.slot])) return true;',
        'if (state.nodes.some((n) => n.node === node && n.store === store)) return true;',
      ),
    ],
    inStory('R43'),
  ),
  bug(
    'blank-taken-in-at-once',
    'R43',
    'a blank node is taken into a state before anybody confirmed whose that is',
    [edit(nodes, "if (m.clusterId === '' && !sameStore && !s.confirmed && !s.hearingOver) return;", '')],
    inStory('R43'),
  ),
  bug(
    'memory-given-up',
    'R43',
    'a leader whose state object was removed forgets what it knows',
    [edit(history, "s.saved === null ? 'same' : 'older'", "s.saved === null ? 'same' : 'foreign'")],
    inStory('R43'),
  ),
  bug(
    'recover-by-the-old-state',
    'R43',
    'recover goes by what is left of the state, not by the highest version that a node installed',
    [
      edit(
        'coordinator/recover.ts',
        'known !== undefined && (newest === null || known.version > newest.version)',
        'known !== undefined && newest === null',
      ),
    ],
    inStory('R43'),
  ),
  bug(
    'unheld-slots-founded-at-once',
    'R30',
    'recover begins slots anew although a node that may hold them is not heard',
    [
      edit(
        'coordinator/unheld.ts',
        "if (open.length === 0 || absent === '') return '';",
        "if (true) return '';",
      ),
    ],
    inStory('R30'),
  ),
  bug(
    'fewer-nodes-than-the-manifest',
    'R30',
    'recover begins slots anew although fewer nodes are heard than the manifest asks for',
    [edit('coordinator/unheld.ts', 'heirs.size < s.desired.nodes', 'heirs.size < 0')],
    inStory('R30'),
  ),
  bug(
    'founded-at-once',
    'R46',
    'a cluster is founded before nodes of an older one had the chance to be heard',
    [
      edit(
        'coordinator/coordinator.ts',
        'until its nodes are heard (R43, R46).\n  if (hearing(s)) {',
        'until its nodes are heard (R43, R46).\n  if (false) {',
      ),
    ],
    inStory('R46'),
  ),
  bug(
    'lease-before-hearing',
    'R46',
    'a new leader grants leases before every member had the chance to say what it knows',
    [edit(nodes, "h.failed === '' && !hearing(s)", "h.failed === ''")],
    inStory('R46'),
  ),
  bug(
    'silence-from-takeover',
    'R46',
    'a node that is still looking for the new leader is declared dead',
    [edit('coordinator/liveness.ts', 'Math.max(t.deadMs, hearingMs(t))', 't.deadMs')],
    inStory('R46'),
  ),
  bug(
    'edited-state-taken',
    'bad input',
    'a state that somebody edited is led with',
    [edit(stored, 'if (checksum(body) !== check)', 'if (false)')],
    inStory('bad input'),
  ),
  bug(
    'foreign-lease-throws',
    'bad input',
    'a lease record that a stranger wrote is an exception in each coordinator that reads it',
    [edit(stored, 'if (!(error instanceof Misfit)) throw error;', 'if (error !== null) throw error;')],
    'strayLeases',
  ),
  bug(
    'other-format-taken',
    'bad input',
    'a state or lease of another format is read as if it were of this one',
    [edit(stored, 'if (value.format !== format)', 'if (false)')],
    inStory('bad input'),
  ),
  bug(
    'conflict-with-itself',
    'R31',
    'a leader whose renewal had no answer takes its own record for another one',
    [edit(election, 'if (!s.leaseDoubt) return stepDown', 'return stepDown')],
    inStory('its own lease'),
  ),
  bug(
    'name-stands-for-process',
    'R23',
    'a leader takes the lease of another process of the same name for its own',
    [
      edit(
        election,
        'record?.process === s.config.process && !record.released',
        'record?.holder === s.config.name && !record.released',
      ),
      edit(election, "if (!s.leaseDoubt) return stepDown(s, 'another coordinator took the lease');", ''),
    ],
    inStory('its own lease'),
  ),
  bug(
    'registered-anew',
    'R23',
    'a process that repeats its registration gets another incarnation each time',
    [edit(nodes, 'before?.process === m.process', 'before?.process === -1')],
    'longWays',
  ),
  bug(
    'held-by-the-last-page',
    'R45',
    'a node holds a set of which a page was lost',
    [edit('node/control.ts', 'if (page !== expected) {', 'if (false) {')],
    inStory('R45'),
  ),
  bug(
    'shortest-log-restarts',
    '2.7',
    'after a power cut of all members another log than the longest carries the chain on',
    [edit(chains, 'comparePositions(y.end, x.end)', 'comparePositions(x.end, y.end)')],
    inStory('2.7'),
  ),
  bug(
    'restarted-without-word',
    '2.7',
    'after a power cut of all members a chain goes on although nobody said so',
    [edit(chains, "if (s.desired.osRestart !== 'longestLog') return false;", '')],
    inStory('2.7'),
  ),
  bug(
    'left-out-for-the-silent',
    '2.7',
    'who comes back first from a power cut of all machines is left out in favour of members that nobody heard since',
    [edit(chains, '(m.whole && outlived(s, m, out))', 'm.whole')],
    inStory('2.7'),
  ),
  bug(
    'unproven-given-up-by-recover',
    'R43',
    'recover finds nothing where all members of a chain lost power under `os`',
    [edit('coordinator/recover.ts', ' || (unproven && !command.giveUp.includes(m.node))', '')],
    inStory('R43'),
  ),
  bug(
    'restarted-too-early',
    '2.7',
    'after a power cut a chain goes on before all its members told what they have',
    [edit(chains, ' || logs.length < whole.length) return false;', ') return false;')],
    inStory('2.7'),
  ),
  bug(
    'pair-forgotten',
    'R47',
    'two nodes that could not reach each other are made neighbours again at once',
    [edit('coordinator/damping.ts', 'if (s.now.mono >= until) continue;', 'continue;')],
    inStory('R47'),
  ),
  bug(
    'no-turn-for-joiner',
    'R47',
    'a node that cannot reach the tail of a short chain never joins it',
    [edit('planner/planner.ts', 'if (turned !== null) changes.push(turned);', '')],
    inStory('R47'),
  ),
  bug(
    'changes-undamped',
    'R47',
    'a chain that changes all the time gets no rest',
    [edit('coordinator/damping.ts', '=> restsFor(s, slot) > 0;', '=> false && restsFor(s, slot) > 0;')],
    inStory('R47'),
  ),
  bug(
    'refusal-outlives-recover',
    'R43',
    'a node tells the leader after a recover what it refused before, and the recovered state is called lost',
    [
      edit('node/control.ts', '      r.refused = 0 as ChainVersion;\n', ''),
      edit('coordinator/history.ts', 'if (r.refused > 0 && !isOlder)', 'if (r.refused > 0)'),
    ],
    'strangers',
  ),
];
