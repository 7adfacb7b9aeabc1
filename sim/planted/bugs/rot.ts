/** Planted bugs of damaged records and their repair (section 10). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const repair = 'replica/repair.ts';
const joining = 'replica/joining.ts';

export const rotBugs: readonly PlantedBug[] = [
  bug(
    'repair-not-written',
    '10.1',
    'a record that was found at another member is answered and not written over the damaged one',
    [edit(repair, 'out.push({ key: repair.key, record });', '')],
    inStory('10.1'),
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
    [edit(joining, "} else if (repair?.state === 'nowhere') nowhere.push(key);", '}')],
    inStory('10.4'),
  ),
  bug(
    'damage-copied-as-absent',
    '10.4',
    'a joiner takes a key of which no member has a record for absent',
    [edit(joining, '  r.copiedDamaged.push(...m.damaged);\n', '')],
    inStory('10.4'),
  ),
];
