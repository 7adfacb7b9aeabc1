/**
 * What lies between the processes of a cluster: a path for each ordered pair of names, which can be held, slow or of little
 * bandwidth, and pairs that are cut. Clients are one name. Proxies (proxy.ts) look here for every connection that they carry.
 */

/** Bytes from one process to another. */
export interface Path {
  /** Nothing arrives until it ends; nothing is lost either, as TCP sends again. */
  held: boolean;
  delayMs: number;
  bytesPerSecond: number;
}

/** A connection that a proxy carries, between the two that it names. */
export interface Carried {
  readonly from: string;
  readonly to: string;
  /** Rules changed. */
  look(): void;
  /** Both ends learn that it is gone. */
  destroy(): void;
  /** Only the end that dialed learns that it is gone. */
  halve(): void;
}

export const clients = 'clients';

export class Network {
  readonly #paths = new Map<string, Path>();
  readonly #cut = new Set<string>();
  readonly #carried = new Set<Carried>();

  path(from: string, to: string): Path {
    const name = `${from} ${to}`;
    let path = this.#paths.get(name);
    if (path === undefined) {
      path = { held: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };
      this.#paths.set(name, path);
    }
    return path;
  }

  isCut(a: string, b: string): boolean {
    return this.#cut.has(pairOf(a, b));
  }

  /** Connections between the two break and new ones are refused. */
  cut(a: string, b: string): void {
    this.#cut.add(pairOf(a, b));
    for (const each of [...this.#carried]) if (isBetween(each, a, b)) each.destroy();
  }

  mend(a: string, b: string): void {
    this.#cut.delete(pairOf(a, b));
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      this.set(from, to, { held: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY });
  }

  set(from: string, to: string, rules: Partial<Path>): void {
    Object.assign(this.path(from, to), rules);
    for (const each of this.#carried) if (isBetween(each, from, to)) each.look();
  }

  /** One end of each connection between the two takes it for open, the other one knows better. */
  halve(a: string, b: string): void {
    for (const each of [...this.#carried]) if (isBetween(each, a, b)) each.halve();
  }

  mendAll(): void {
    this.#cut.clear();
    for (const path of this.#paths.values())
      Object.assign(path, { held: false, delayMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY });
    for (const each of this.#carried) each.look();
  }

  carry(connection: Carried): void {
    this.#carried.add(connection);
  }

  forget(connection: Carried): void {
    this.#carried.delete(connection);
  }
}

const pairOf = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`);

const isBetween = ({ from, to }: Carried, a: string, b: string): boolean =>
  (from === a && to === b) || (from === b && to === a);
