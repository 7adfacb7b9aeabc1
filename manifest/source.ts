/** One YAML document of a file: its value, and where in the file each field stands. */
import { type Document, isMap, isNode, isPair, isScalar, isSeq, type LineCounter, type Pair } from 'yaml';
import type { Path } from './problem.ts';

/** A place in the file; both count from 1. */
export interface Spot {
  readonly line: number;
  readonly column: number;
}

export class Source {
  /** Number of the document in its file, from 1. */
  readonly number: number;
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(number: number, document: Document, lines: LineCounter) {
    this.number = number;
    this.#document = document;
    this.#lines = lines;
  }

  /** A fresh copy of the document's value. @throws ReferenceError where aliases expand without end. */
  value(): unknown {
    return this.#document.toJS();
  }

  /** True where nothing but comments stands in the document. */
  isEmpty(): boolean {
    const { contents } = this.#document;
    return contents === null || (isScalar(contents) && contents.value === null);
  }

  /** True where a person wrote the field. */
  has(path: Path): boolean {
    return this.#find(path).rest === 0;
  }

  /** The plain value of a field, the YAML node of an object or list, undefined for a field that is not there. */
  at(path: Path): unknown {
    const { value, rest } = this.#find(path);
    if (rest > 0) return undefined;
    return isScalar(value) ? value.value : value;
  }

  /** Where the field's value stands; for one that is not there, the nearest thing around it. */
  spotOfValue(path: Path): Spot {
    const { pair, value, rest } = this.#find(path);
    return this.#spot(rest === 0 && isNode(value) ? value : (pair?.key ?? value));
  }

  /** Where the field's name stands. */
  spotOfKey(path: Path): Spot {
    const { pair, value } = this.#find(path);
    return this.#spot(pair?.key ?? value);
  }

  /** Walks down the path as far as the document goes. `rest` counts the parts that are not there. */
  #find(path: Path): { pair: Pair | undefined; value: unknown; rest: number } {
    let value: unknown = this.#document.contents;
    let pair: Pair | undefined;
    for (const [depth, part] of path.entries()) {
      if (isMap(value)) {
        const next = value.items.find((item) => isPair(item) && nameOf(item) === part);
        if (!next) return { pair, value, rest: path.length - depth };
        pair = next;
        value = next.value;
      } else if (isSeq(value) && typeof part === 'number' && part < value.items.length) {
        value = value.items[part];
        pair = undefined;
      } else {
        return { pair, value, rest: path.length - depth };
      }
    }
    return { pair, value, rest: 0 };
  }

  #spot(node: unknown): Spot {
    return spotAt(this.#lines, isNode(node) ? (node.range?.[0] ?? 0) : 0);
  }
}

/** Line and column of a character. */
export function spotAt(lines: LineCounter, offset: number): Spot {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

const nameOf = (pair: Pair): string | undefined => (isScalar(pair.key) ? String(pair.key.value) : undefined);
