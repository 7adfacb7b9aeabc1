/**
 * One direction of one connection. Frames arrive in order or not at all. A cut path holds them back; when the
 * connection ends, the last ones are lost and the others arrive, some of them late: after newer connections began.
 * Large frames take their time on a narrow path, and a sender whose queue is full drops what comes next.
 */
import type { Message } from '../../protocol/messages.ts';
import type { Incarnation } from '../../protocol/words.ts';
import type { Random } from '../random.ts';
import type { Schedule } from './schedule.ts';
import { sizeOf } from './sizes.ts';

export interface Frame {
  readonly incarnation: Incarnation;
  readonly messages: readonly Message[];
}

/** Something that the network did to frames, told to whoever counts faults. */
export type NetworkEffect = 'lost' | 'late' | 'repeated' | 'held' | 'slowed' | 'shed';

/** What a flow asks of the path that it takes. */
export interface Path {
  blocked(): boolean;
  /** Time for one frame, ms. */
  delay(): number;
  /** Infinity = as wide as one likes. */
  bytesPerMs(): number;
}

export interface Flow {
  send(frame: Frame): void;
  /** The path works again: what it held goes on. */
  release(): void;
  /** The connection ended. Returns what had not arrived: its sender can't know which of it did. */
  end(): Frame[];
}

export interface FlowOptions {
  /** Probability that frames of a broken connection arrive late, up to `lateMs` after the break. */
  readonly late: number;
  readonly lateMs: number;
  /** Bytes under way at which a sender drops what comes next. */
  readonly queueBytes: number;
}

interface Item {
  readonly frame: Frame;
  readonly bytes: number;
  gone: boolean;
}

export function createFlow(
  world: { schedule: Schedule; random: Random; tell: (effect: NetworkEffect) => void },
  path: Path,
  options: FlowOptions,
  hand: (frame: Frame) => void,
): Flow {
  const { schedule, random, tell } = world;
  /** Sent and not arrived; `held` of them arrived at a cut path and wait there. */
  let pending: Item[] = [];
  let held = 0;
  let last = 0;
  /** Bytes under way, and when the path has taken all of them. */
  let queued = 0;
  let free = 0;

  function transmit(item: Item): void {
    free = Math.max(free, schedule.now) + item.bytes / path.bytesPerMs();
    last = Math.max(last, free + path.delay());
    pending.push(item);
    queued += item.bytes;
    schedule.at(last, () => arrive(item));
  }

  function arrive(item: Item): void {
    if (item.gone) return;
    if (held > 0 || path.blocked()) {
      if (held === 0) tell('held');
      held++;
      return;
    }
    pending.shift();
    queued -= item.bytes;
    hand(item.frame);
  }

  function takeAll(): Frame[] {
    const frames = pending.map((item) => {
      item.gone = true;
      return item.frame;
    });
    pending = [];
    held = 0;
    queued = 0;
    free = 0;
    return frames;
  }

  /** The first ones still arrive, in order; how many is chance. */
  function settle(frames: readonly Frame[]): void {
    const isLate = random.chance(options.late);
    const kept = isLate ? 1 + random.int(frames.length) : random.int(frames.length + 1);
    if (kept < frames.length) tell('lost');
    if (isLate) tell('late');
    let at = schedule.now;
    for (const frame of frames.slice(0, kept)) {
      at += isLate ? (random.next() * options.lateMs) / kept : path.delay() / kept;
      schedule.at(at, () => {
        if (!path.blocked()) hand(frame);
      });
    }
  }

  return {
    send(frame) {
      if (queued >= options.queueBytes) return tell('shed');
      transmit({ frame, bytes: sizeOfFrame(frame), gone: false });
    },
    release() {
      if (held === 0) return;
      for (const frame of takeAll()) transmit({ frame, bytes: sizeOfFrame(frame), gone: false });
    },
    end() {
      const frames = takeAll();
      if (frames.length > 0) settle(frames);
      return frames;
    },
  };
}

function sizeOfFrame({ messages }: Frame): number {
  let bytes = 0;
  for (const m of messages) bytes += sizeOf(m);
  return bytes;
}
