/** Planted bugs of what clients are told, and of requests that are passed on (rule 2.10). */
import { bug, edit, type PlantedBug } from '../bug.ts';

export const clientBugs: readonly PlantedBug[] = [
  bug(
    'refusal-not-remembered',
    '3',
    'a session forgets what a refused condition showed it',
    [edit('client/session.ts', 'if (reply.seen !== null) this.#noteSight(call.slot, reply.seen.at);', '')],
    'weakRefused',
  ),
  bug(
    'open-attempts-not-counted',
    'P39',
    'a write whose attempt may have been taken ends as definitely not done',
    [edit('client/session.ts', 'call.open++;', ';')],
    'impatient',
  ),
  bug(
    'refusal-after-silence-definite',
    'R48',
    'a write whose first attempt got no answer ends with the refusal of the second one, as definite',
    [
      edit(
        'client/session.ts',
        'if (call.open === 0 || reply.outcome',
        'if (call.open >= 0 || reply.outcome',
      ),
    ],
    'ownNodes',
  ),
  bug(
    'retry-not-said',
    'R17',
    'a retry does not say that it is one',
    [edit('client/session.ts', 'retry: call.open > 0,', 'retry: false,')],
    'refusedRetries',
  ),
  bug(
    'passed-write-definite',
    'P39',
    'a write that was passed to a silent node is answered as not taken',
    [edit('node/requests.ts', '      p.write\n', '      false\n')],
    'impatient',
  ),
  bug(
    'dropped-write-definite',
    'P39',
    'who waited for an entry of a chain that changed hears that nothing was taken',
    [edit('replica/waiters.ts', "          'AMBIGUOUS',", "          'NOT_HEAD',")],
    'impatient',
  ),
  bug(
    'pass-numbers-reused',
    'I8',
    'a started process takes answers to the process before it for its own',
    [edit('node/node.ts', 'passId: (config.ownClient % 2 ** 31) * 2 ** 21,', 'passId: 0,')],
    'lateAnswers',
  ),
];
