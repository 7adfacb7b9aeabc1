/** Planted bugs of repetitions: what is asked again is another question (R49). */
import { bug, edit, inStory, type PlantedBug } from '../bug.ts';

const handshake = 'replica/handshake.ts';

export const repetitionBugs: readonly PlantedBug[] = [
  bug(
    'offer-begun-anew',
    'R49',
    'each repetition of an offer is a handshake of its own, and the answer to the one before is not heard',
    [edit(handshake, 'repeatOffer(ctx, d);\n  }', 'offer(r, ctx);\n  }')],
    inStory('R49'),
  ),
  bug(
    'ready-begins-anew',
    'R49',
    'a successor that says again that it is ready begins the handshake anew while the offer is on its way',
    [edit(handshake, "if (d?.state !== 'offered' || d.peer", "if (d?.state !== 'none' || d.peer")],
    inStory('R49'),
  ),
  bug(
    'round-begun-anew',
    'R49',
    'a question to the tail or to all members is repeated under a new number',
    [
      edit(
        'replica/reading.ts',
        'if (round === r.barrier) sendBarrier(r, ctx);\n      else sendQuery(r, ctx);',
        'if (round === r.barrier) beginBarrier(r, ctx);\n      else beginQuery(r, ctx);',
      ),
      edit(
        'replica/reading.ts',
        'if (a === null || r.query.next.length === 0) return;',
        'if (a === null || r.query.next.length + r.query.waiting.length === 0) return;',
      ),
      edit(
        'replica/reading.ts',
        'if (a === null || r.barrier.next.length === 0) return;',
        'if (a === null || r.barrier.next.length + r.barrier.waiting.length === 0) return;',
      ),
    ],
    inStory('R49'),
  ),
  bug(
    'record-asked-anew',
    'R49',
    'only the member that was asked last for a damaged record may answer, and only its last question',
    [edit('replica/repair.ts', '  repair.asks++;', '  repair.asks++;\n  repair.round = nextRound(r);')],
    inStory('R49'),
  ),
];
