import type { Operation } from '../../protocol/client/session.ts';
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Condition } from '../../protocol/requests.ts';
import type { Key } from '../../protocol/words.ts';
import { type KeyChooser, keyOf } from '../workload/keys.ts';
import type { Random } from '../workload/random.ts';
import type { Values } from '../workload/values.ts';
import type { Operation as Kind } from '../workload/workloads.ts';
import type { Book } from './book.ts';
import type { Done, Driver } from './driver.ts';
import type { Run } from './run.ts';

/** What the callers of one run share. */
export interface Shared {
  readonly driver: Driver;
  readonly run: Run;
  readonly book: Book;
  readonly random: Random;
  readonly values: Values;
  readonly chooser: KeyChooser;
}

/** One caller: has at most one operation under way, and no allocations of its own for each. */
export class Caller {
  readonly #shared: Shared;
  readonly #number: number;
  readonly #onEnd: (caller: Caller, failed: boolean) => void;
  #intended = 0;
  #isRead = false;
  #key = '' as Key;
  /** Last revision of its own key that this caller saw; 0 = absent; -1 = never looked. */
  #revision = -1;

  constructor(shared: Shared, number: number, onEnd: (caller: Caller, failed: boolean) => void) {
    this.#shared = shared;
    this.#number = number;
    this.#onEnd = onEnd;
  }

  /** Begins the next operation, which should have begun at `intended` (ms of performance.now). */
  begin(intended: number): void {
    const kind = pick(this.#shared.run.workload.mix, this.#shared.random.unit());
    this.#intended = intended;
    this.#isRead = kind === 'read';
    switch (kind) {
      case 'read':
        this.#key = this.#choose();
        return this.#read(this.#onRead);
      case 'write':
        this.#key = this.#choose();
        return this.#write(anyState, this.#onWritten);
      case 'insert':
        this.#key = keyOf(this.#shared.chooser.keys++) as Key;
        return this.#write(anyState, this.#onWritten);
      case 'modify':
        this.#key = this.#choose();
        return this.#read(this.#onReadToModify);
      case 'test-and-set':
        this.#key = keyOf(this.#number) as Key;
        return this.#testAndSet();
      default:
        kind satisfies never;
    }
  }

  #choose(): Key {
    return keyOf(this.#shared.chooser.next()) as Key;
  }

  #read(done: Done): void {
    const { driver, run } = this.#shared;
    const pinned = run.readAt === 'tail' ? driver.tailOf(this.#key) : null;
    driver.start({ op: 'get', key: this.#key, level: 'strong', boundMs: 0 }, done, pinned);
  }

  #write(conditions: readonly Condition[], done: Done): void {
    const value = this.#shared.values.at(this.#shared.random.uint32());
    const operation: Operation = { op: 'put', key: this.#key, value, conditions };
    this.#shared.driver.start(operation, done, null);
  }

  #testAndSet(): void {
    if (this.#revision < 0) this.#read(this.#onReadToModify);
    else this.#write(revisionIs(this.#revision), this.#onWrittenOrRaced);
  }

  readonly #onRead: Done = (failed, _revision, valueBytes) => {
    if (failed === null && valueBytes !== this.#shared.values.bytes) return this.#end('WRONG_VALUE');
    this.#end(failed);
  };

  readonly #onReadToModify: Done = (failed, revision) => {
    if (failed !== null) return this.#end(failed);
    this.#write(revisionIs(revision), this.#onWrittenOrRaced);
  };

  /** Somebody else was faster: what it wrote is read and modified. */
  readonly #onWrittenOrRaced: Done = (failed, revision) => {
    if (failed === 'CONDITION_FAILED') return this.#write(revisionIs(revision), this.#onWrittenOrRaced);
    this.#revision = revision;
    this.#end(failed);
  };

  readonly #onWritten: Done = (failed) => this.#end(failed);

  #end(failed: ErrorCode | 'WRONG_VALUE' | null): void {
    const end = performance.now();
    const { book } = this.#shared;
    if (failed === null) book.noteSuccess(this.#isRead, this.#intended, end);
    else book.noteError(failed, this.#intended, end);
    this.#onEnd(this, failed !== null);
  }
}

const anyState: readonly Condition[] = [];
const revisionIs = (revision: number): readonly Condition[] => [
  { field: 'revision', operator: 'eq', value: revision },
];

function pick(mix: Shared['run']['workload']['mix'], u: number): Kind {
  let left = u;
  let last: Kind = 'read';
  for (const kind in mix) {
    last = kind as Kind;
    left -= mix[last] ?? 0;
    if (left < 0) break;
  }
  return last;
}
