/** Turns bits over, one at a time, in copies of a node's folder, and looks at what the store makes of each. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../sim/random.ts';
import { copyWith, filesOf, type Prepared, remove } from './folders.ts';
import { type Kind, type Look, look, type Sight, see } from './look.ts';

export interface Flip {
  readonly file: string;
  readonly bit: number;
}

export interface Flipped extends Flip, Look {}

/** Draws a file first and then a bit, so that small files are hit as often as large ones. */
export async function drawFlips(random: Random, folder: string, count: number): Promise<Flip[]> {
  const sizes = new Map<string, number>();
  for (const file of await filesOf(folder)) sizes.set(file, (await readFile(join(folder, file))).length);
  const files = [...sizes.keys()].filter((file) => (sizes.get(file) ?? 0) > 0);
  return Array.from({ length: count }, () => {
    const file = random.pick(files);
    return { file, bit: random.int((sizes.get(file) as number) * 8) };
  });
}

export class Rot {
  readonly #prepared: Prepared;
  readonly #node: string;
  readonly #bytes = new Map<string, Buffer>();
  #truth: Sight | null = null;

  constructor(prepared: Prepared, name: string) {
    this.#prepared = prepared;
    this.#node = join(prepared.folder, name);
  }

  get folder(): string {
    return this.#node;
  }

  async flip({ file, bit }: Flip): Promise<Flipped> {
    const copy = `${this.#node}-flipped`;
    await copyWith(this.#node, copy, file, await this.turned({ file, bit }));
    try {
      return { file, bit, ...(await look(copy, await this.#whatWas())) };
    } finally {
      await remove(copy);
    }
  }

  /** The bytes of a file with one bit turned over. */
  async turned({ file, bit }: Flip): Promise<Buffer> {
    const path = join(this.#node, file);
    let bytes = this.#bytes.get(path);
    if (bytes === undefined) {
      bytes = await readFile(path);
      this.#bytes.set(path, bytes);
    }
    const turned = Buffer.from(bytes);
    turned[bit >> 3] = (turned[bit >> 3] as number) ^ (1 << (bit & 7));
    return turned;
  }

  async #whatWas(): Promise<Sight> {
    if (this.#truth !== null) return this.#truth;
    const copy = `${this.#node}-whole`;
    await copyWith(this.#node, copy, '', Buffer.alloc(0));
    this.#truth = await see(copy, this.#prepared.truth.keys());
    await remove(copy);
    return this.#truth;
  }
}

/** How often each came, by the kind of file. */
export function countFlips(flips: readonly Flipped[]): Map<string, Map<Kind, number>> {
  const counts = new Map<string, Map<Kind, number>>();
  for (const { file, kind } of flips) {
    const name = kindOfFile(file);
    const own = counts.get(name) ?? new Map<Kind, number>();
    own.set(kind, (own.get(kind) ?? 0) + 1);
    counts.set(name, own);
  }
  return counts;
}

const kindOfFile = (file: string): string =>
  file.endsWith('.ldb')
    ? 'tables'
    : file.endsWith('.log')
      ? 'log'
      : (file.split('/').at(-1) ?? file).replace(/-\d+$/, '');
