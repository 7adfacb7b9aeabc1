import { Random } from './random.ts';

const variants = 4096;

/** Values are slices of one random block: bytes that no store can compress. */
export class Values {
  readonly bytes: number;
  readonly #block: Buffer;
  readonly #variants: Uint8Array[] = [];

  constructor(bytes: number, seed: number) {
    this.bytes = bytes;
    const random = new Random(seed, 1);
    this.#block = Buffer.alloc(bytes + variants);
    for (let i = 0; i < this.#block.length; i++) this.#block[i] = random.uint32();
    for (let i = 0; i < variants; i++) this.#variants.push(this.#block.subarray(i, i + bytes));
  }

  at(i: number): Uint8Array {
    return this.#variants[i % variants] as Uint8Array;
  }
}
