/** Planted bugs of damaged records and their repair (section 10). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const repair = 'replica/repair.ts';
const joining = 'replica/joining.ts';
const compare = 'replica/compare.ts';
const poll = 'replica/poll.ts';

export const rotBugs: readonly PlantedBug[] = [
  bug(
    'repair-not-written',
    '10.1',
    'a record that was found at another member is answered and not written over the damaged one',
    [edit(repair, 'out.push({ key: repair.key, record });', '')],
    inStory('10.1'),
  ),
  bug(
    'damage-stays',
    '10.1',
    'a damaged record is asked of nobody: it stops joins from its member, and its key cannot be written',
    [
      edit(
        repair,
        "if (r.role !== 'member' || r.damage.repairs.size >= ctx.limits.repairs) return false;",
        'if (repair === undefined) return false;',
      ),
    ],
    'rotten',
  ),
  bug(
    'repair-gives-up-at-the-first',
    '10.1',
    'one member with a damaged copy counts as all of them',
    [
      edit(
        repair,
        'if (able.length === 0) {',
        "if (repair.damaged.size > 0) return settle(r, ctx, repair, 'nowhere');\n  if (able.length === 0) {",
      ),
    ],
    inStory('10.1'),
  ),
  bug(
    'repair-without-patience',
    '10.1',
    'a member that does not answer is waited for, for ever',
    [
      edit(
        repair,
        'if (repair.asked !== null) repair.tried.add(repair.asked);\n    ask(r, ctx, repair);',
        '',
      ),
    ],
    inStory('10.1'),
  ),
  bug(
    'overwrites-as-absent',
    '10.2',
    'a write takes a damaged record for an absent one, although another member knows the value',
    [
      edit(
        'replica/writing.ts',
        "if (damagedRecord(r, ctx, q.key, { op: 'write', tag, request: q, until })) return;",
        'if (q.conditions.length === 0) return order(r, ctx, tag, q, null, null, until);',
      ),
    ],
    inStory('10.2'),
  ),
  bug(
    'condition-on-what-is-lost',
    '10.2',
    'a condition or an add on a record that no member has is decided as if the key were absent',
    [edit('replica/resume.ts', "q.op !== 'add' && q.conditions.length === 0", 'q.conditions.length < 9')],
    inStory('10.2'),
  ),
  bug(
    'repair-from-behind',
    '10.3',
    'a member that has committed less answers for a record that it does not know yet',
    [edit(repair, 'r.complete && r.commit >= m.atLeast', 'r.complete')],
    inStory('10.3'),
  ),
  bug(
    'absent-too-early',
    '10.3',
    'a key counts as absent because of a delete that is not committed here yet',
    [edit(repair, ' && !changesSoon(r, m.key, m.at))', ')')],
    inStory('10.3'),
  ),
  bug(
    'damage-stops-a-join',
    '10.4',
    'a chunk with a damaged record that no member has is never sent',
    [
      edit(
        joining,
        "repair?.state === 'nowhere') nowhere.push(key);",
        "repair?.state === 'nowhere') return 'waits';",
      ),
    ],
    inStory('10.4'),
  ),
  bug(
    'damage-copied-as-absent',
    '10.4',
    'a joiner takes a key of which no member has a record for absent',
    [edit(joining, '  r.copiedDamaged.push(...m.damaged);\n', '')],
    inStory('10.4'),
  ),
  bug(
    'compared-as-it-was-read',
    '10.8',
    'what was committed between both reads of a comparison counts as a difference',
    [
      edit(
        compare,
        '    if (storesValue(e)) state.set(e.key, summaryOf(e));\n    else state.delete(e.key);\n',
        '',
      ),
    ],
    inStory('10.8'),
  ),
  bug(
    'compared-with-what-is-behind',
    '10.8',
    'a predecessor that has committed less is compared all the same',
    [
      edit(compare, "scanned === 'corrupt' || r.commit < atLeast)", "scanned === 'corrupt')"),
      edit(compare, ' || m.at.seq < c.atLeast', ''),
    ],
    inStory('10.8'),
  ),
  bug(
    'compared-without-what-is-committed',
    '10.8',
    'a predecessor answers a comparison by its store alone',
    [
      edit(
        compare,
        'overlay(r, after, { values: inRange, next: last }, ctx.limits.copyBytes)',
        '{ values: inRange, next: last }',
      ),
    ],
    inStory('10.8'),
  ),
  bug(
    'difference-kept-to-itself',
    '10.8',
    'a predecessor that lost a write is not told so',
    [edit(compare, "kind: 'recordSuspect', slot", "kind: 'ready', slot")],
    inStory('10.8'),
  ),
  bug(
    'newest-wins-over-absent',
    '10.8',
    'one record is believed although most members do not hold the key: deletes are undone',
    [edit(poll, 'if (absent === 0 || newest === null) return newest;', 'if (absent >= 0) return newest;')],
    inStory('10.8'),
  ),
  bug(
    'half-of-them-decide',
    '10.8',
    'a key is removed or brought back although as many members say otherwise',
    [edit(poll, 'if (votes * 2 > states.length)', 'if (votes * 2 >= states.length)')],
    inStory('10.8'),
  ),
  bug(
    'conflict-overwritten',
    '10.8',
    'of two records of one revision the first one wins without a word',
    [edit(poll, "return 'conflict';", 'break;')],
    inStory('10.8'),
  ),
  bug(
    'page-leaves-out-what-is-lost',
    '10.1',
    'a page of values says nothing of the keys of which no member has a record',
    [edit('replica/listing.ts', 'damaged: lost', 'damaged: []')],
    inStory('10.1'),
  ),
  bug(
    'page-before-the-repair',
    '10.1',
    'a page of values takes a damaged record for one that is nowhere',
    [
      edit(
        joining,
        "} else if (repair?.state === 'nowhere') nowhere",
        "} else if (repair?.state !== 'x') nowhere",
      ),
    ],
    inStory('10.1'),
  ),
];
