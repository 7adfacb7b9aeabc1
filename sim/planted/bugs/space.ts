/** Planted bugs of room on disk (rule 2.12). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const space = 'node/space.ts';

export const spaceBugs: readonly PlantedBug[] = [
  bug(
    'head-sees-its-own-disk-only',
    '2.12',
    'a head takes growth although the disk of another member is low',
    [edit(space, 'if (s.space.peers.size === 0) return tightest;', 'return tightest;')],
  ),
  bug(
    'low-disk-said-once',
    '2.12',
    'a node says once that its disk is short of room, not again to who did not hear it',
    [
      edit(space, "if (s.space.level !== 'ok') tellSpace(s, ctx);", ''),
      edit('node/node.ts', "if (s.space.level !== 'ok') tellSpace(s, this.#ctx, peer);", ''),
    ],
    inStory('2.12'),
  ),
  bug(
    'room-believed-at-once',
    '2.12',
    'room that comes back counts at once, so that a disk at its mark goes to and fro',
    [edit(space, 'settleMs = 10_000', 'settleMs = 0')],
    inStory('2.12'),
  ),
  bug(
    'full-until-low',
    '2.12',
    'a node whose disk was full comes back when it is low, and fills it again',
    [edit(space, "if (level === 'ok') space.out = false;", "if (level !== 'full') space.out = false;")],
    inStory('2.12'),
  ),
  bug(
    'full-disk-refuses-for-sure',
    '2.12',
    'a retry is told that it was refused, although its first attempt may be on its way',
    [
      edit(
        'replica/writing.ts',
        "outcome: retry ? 'indefinite' : 'definite' });\n}",
        "outcome: 'definite' });\n}",
      ),
    ],
    inStory('2.12'),
  ),
  bug(
    'full-disk-stays',
    '2.12',
    'the leader leaves a member with a full disk in its chains',
    [edit('coordinator/chains.ts', 'asks(m) || isFull(m)', 'asks(m)')],
    inStory('2.12'),
  ),
];
