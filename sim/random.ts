/** The only source of chance in a simulated run: one seed, one stream, the same draws for ever. */

export interface Random {
  /** A fraction in [0, 1). */
  next(): number;
  /** A whole number in [0, below). */
  int(below: number): number;
  /** A fraction in [from, to). */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** How long until the next event of a process whose events come every `mean` on average. */
  wait(mean: number): number;
  /** A stream of its own, so that more draws in one part of the world do not shift those of another. */
  fork(): Random;
}

/**
 * A stream for something of its own: what is drawn from it shifts no other draw of the seed, so that a world that learns
 * something new leaves the runs that do not have it as they were.
 */
export function streamOf(seed: number, name: string): Random {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  // 20 bits of it: more would not leave room for the seed in a number.
  return createRandom(seed + (hash >>> 12) * 4294967296);
}

/** sfc32 (Chris Doty-Humphrey, public domain): 128 bits of state, a few operations a draw. */
export function createRandom(seed: number): Random {
  let a = seed >>> 0;
  let b = Math.floor(seed / 4294967296) >>> 0;
  let c = 0x9e3779b9;
  let d = 1;
  const draw = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) draw();
  const next = (): number => draw() / 4294967296;
  const random: Random = {
    next,
    int: (below) => Math.floor(next() * below),
    between: (from, to) => from + next() * (to - from),
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[Math.floor(next() * items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
    wait: (mean) => -Math.log(1 - next()) * mean,
    fork: () => createRandom(draw() + draw() * 4294967296),
  };
  return random;
}
