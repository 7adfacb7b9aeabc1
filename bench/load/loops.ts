/** Makes a load and counts what comes of it. */
import type { Key } from '../../protocol/words.ts';
import { KeyChooser, keyOf } from '../workload/keys.ts';
import { Random } from '../workload/random.ts';
import { Values } from '../workload/values.ts';
import type { Workload } from '../workload/workloads.ts';
import { Book } from './book.ts';
import { Caller, type Shared } from './caller.ts';
import type { Driver } from './driver.ts';
import type { Counted, Run } from './run.ts';

export function perform(driver: Driver, run: Run): Promise<Counted> {
  const random = new Random(run.seed);
  const shared: Shared = {
    driver,
    run,
    book: new Book(run, performance.now()),
    random,
    values: new Values(run.workload.valueBytes, run.seed),
    chooser: new KeyChooser(run.workload, random),
  };
  return run.rate > 0 ? openLoop(shared) : closedLoop(shared);
}

/** A key that could not be written is tried again so often: the time before a measurement is nobody's figure. */
const fillTries = 5;

/** Writes every key of the workload. */
export function fill(driver: Driver, workload: Workload, concurrency: number, seed: number): Promise<void> {
  const values = new Values(workload.valueBytes, seed);
  let begun = 0;
  let ended = 0;
  return new Promise((resolve, reject) => {
    const next = (): void => {
      if (begun < workload.keys) put(begun++, 1);
    };
    const put = (i: number, attempt: number): void => {
      const key = keyOf(i) as Key;
      const done = (failed: string | null): void => {
        if (failed === null && ++ended === workload.keys) resolve();
        else if (failed === null) next();
        else if (attempt < fillTries) put(i, attempt + 1);
        else reject(new Error(`key ${i} could not be loaded in ${fillTries} attempts: ${failed}`));
      };
      driver.start({ op: 'put', key, value: values.at(i), conditions: [] }, done, null);
    };
    for (let i = 0; i < concurrency; i++) next();
  });
}

/** A failed caller waits so long before it goes on, so that errors are not a fast path. */
const afterErrorMs = 1;

/** Each caller begins its next operation when the one before has ended. */
function closedLoop(shared: Shared): Promise<Counted> {
  const { book, run } = shared;
  let running = run.concurrency;
  let cpuSeconds = 0;
  return new Promise((resolve) => {
    const go = (caller: Caller): void => {
      const now = performance.now();
      if (now < book.to) return caller.begin(now);
      if (running === run.concurrency) cpuSeconds = book.cpuSeconds();
      if (--running === 0) resolve(book.result(cpuSeconds));
    };
    const onEnd = (caller: Caller, failed: boolean): void => {
      if (failed) setTimeout(go, afterErrorMs, caller);
      else go(caller);
    };
    for (let i = 0; i < run.concurrency; i++) go(new Caller(shared, i, onEnd));
  });
}

/**
 * Operations begin at random times of a fixed mean rate whether earlier ones have ended or not, and their latency counts
 * from when they should have begun: a store that stalls is charged for all who would have waited.
 */
function openLoop(shared: Shared): Promise<Counted> {
  const { book, run, random } = shared;
  const meanMs = 1000 / run.rate;
  const idle: Caller[] = [];
  let made = 0;
  let underWay = 0;
  let due = performance.now();
  let cpuSeconds = 0;
  return new Promise((resolve) => {
    const settle = (): void => {
      if (underWay === 0 && due >= book.to) resolve(book.result(cpuSeconds));
    };
    const onEnd = (caller: Caller): void => {
      idle.push(caller);
      underWay--;
      settle();
    };
    const begin = (intended: number, now: number): void => {
      const caller = idle.pop() ?? (made < run.concurrency ? new Caller(shared, made++, onEnd) : null);
      if (caller === null) return book.noteError('GENERATOR_FULL', intended, now);
      underWay++;
      book.noteLate(now - intended);
      caller.begin(intended);
    };
    const turn = (): void => {
      for (let now = performance.now(); due <= now && due < book.to; due += random.exponential() * meanMs)
        begin(due, now);
      if (due < book.to) setTimeout(turn, 1);
      else {
        cpuSeconds = book.cpuSeconds();
        settle();
      }
    };
    turn();
  });
}
