/** Counts calls in sections, so that a story can tell what a fault cost. */
import { nowMs } from './history.ts';

export interface Section {
  readonly name: string;
  seconds: number;
  calls: number;
  failed: number;
  unknown: number;
  /** Longest wait of a call that succeeded, in ms. */
  longestReadMs: number;
  longestWriteMs: number;
  /** Longest time in which no read (no write) succeeded, in ms. */
  readGapMs: number;
  writeGapMs: number;
  /** How often which error came, and the first message of each. */
  readonly errors: Record<string, { count: number; first: string }>;
}

interface Running extends Section {
  readonly began: number;
  lastRead: number;
  lastWrite: number;
}

export class Figures {
  readonly #sections: Running[] = [];

  constructor() {
    this.begin('start');
  }

  begin(name: string): void {
    const now = nowMs();
    this.#end(now);
    this.#sections.push({
      name,
      began: now,
      lastRead: now,
      lastWrite: now,
      seconds: 0,
      calls: 0,
      failed: 0,
      unknown: 0,
      longestReadMs: 0,
      longestWriteMs: 0,
      readGapMs: 0,
      writeGapMs: 0,
      errors: {},
    });
  }

  /** A call belongs to the section in which it began. */
  get current(): Running {
    return this.#sections.at(-1) as Running;
  }

  succeeded(section: Section, kind: 'read' | 'write', tookMs: number): void {
    const s = section as Running;
    const now = nowMs();
    s.calls++;
    if (kind === 'read') {
      s.longestReadMs = Math.max(s.longestReadMs, tookMs);
      s.readGapMs = Math.max(s.readGapMs, now - s.lastRead);
      s.lastRead = now;
    } else {
      s.longestWriteMs = Math.max(s.longestWriteMs, tookMs);
      s.writeGapMs = Math.max(s.writeGapMs, now - s.lastWrite);
      s.lastWrite = now;
    }
  }

  missed(section: Section, outcome: 'failed' | 'unknown', code: string, message: string): void {
    section.calls++;
    section[outcome]++;
    const error = section.errors[code] ?? { count: 0, first: message };
    error.count++;
    section.errors[code] = error;
  }

  sections(): Section[] {
    this.#end(nowMs());
    return this.#sections.map(({ began: _began, lastRead: _read, lastWrite: _write, ...section }) => section);
  }

  #end(now: number): void {
    const last = this.#sections.at(-1);
    if (last === undefined) return;
    last.seconds = (now - last.began) / 1000;
    last.readGapMs = Math.max(last.readGapMs, now - last.lastRead);
    last.writeGapMs = Math.max(last.writeGapMs, now - last.lastWrite);
  }
}
