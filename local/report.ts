/** Tells a person what happens: one line that changes on a terminal, plain lines everywhere else. */
export interface Reporter {
  /** Something happened. */
  say(line: string): void;
  /** Something goes on; the next call replaces it on a terminal. */
  progress(line: string): void;
}

export function terminalReporter(out: NodeJS.WriteStream): Reporter {
  return out.isTTY ? new Rewriting(out) : plainReporter(out);
}

/** Repeats no line, and leaves out progress that comes faster than once a second. */
export function plainReporter(out: { write(text: string): unknown }): Reporter {
  let last = '';
  let at = Number.NEGATIVE_INFINITY;
  return {
    say: (line) => out.write(`${line}\n`),
    progress(line) {
      if (line === last || performance.now() - at < 1000) return;
      last = line;
      at = performance.now();
      out.write(`${line}\n`);
    },
  };
}

class Rewriting implements Reporter {
  readonly #out: NodeJS.WriteStream;
  #shown = false;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  say(line: string): void {
    this.#clear();
    this.#out.write(`${line}\n`);
  }

  progress(line: string): void {
    this.#clear();
    this.#out.write(line.slice(0, this.#out.columns - 1));
    this.#shown = true;
  }

  #clear(): void {
    if (this.#shown) this.#out.write('\r\x1b[2K');
    this.#shown = false;
  }
}
