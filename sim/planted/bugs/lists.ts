/** Planted bugs of pages of values (rule 3.1). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const reading = 'replica/reading.ts';
const listing = 'replica/listing.ts';

const noSecondLook = edit(
  listing,
  "if (!whole || (f.proof === 'lease' && !ctx.leaseCovers(r))) return false;",
  '',
);

export const listBugs: readonly PlantedBug[] = [
  bug(
    'page-without-lease',
    '3.1',
    'a member that may have been left out gives a page of what it holds',
    [edit(reading, 'if (!ctx.leaseCovers(r)) return askAll(r, ctx, p);', ''), noSecondLook],
    'exports',
  ),
  bug(
    'page-at-own-mark',
    '3.1',
    'a page shows what this member knows to be committed, not what is',
    [edit(reading, 'if (isTail(r) || r.log.end.seq === r.commit) return scanPage', 'return scanPage')],
    'exports',
  ),
  bug(
    'page-of-the-disk-only',
    '3.1',
    'what is committed and not yet on disk is not in a page',
    [
      edit(
        listing,
        'overlay(r, after, damaged.length === 0 ? part : inOrder(part), most, upTo);',
        '{ values: part.values, next: part.next };',
      ),
    ],
    'exports',
  ),
  bug(
    'page-not-looked-at-again',
    '3.1',
    'the lease is looked at before the scan of a page only',
    [noSecondLook],
    inStory('3.1'),
  ),
  bug(
    'page-of-a-left-slot',
    '3.1',
    'a page is given although the chain changed during its scan',
    [edit(listing, 'if (r.installed !== f.installed || !mayList(r)) {', 'if (false) {')],
    inStory('3.1'),
  ),
];
