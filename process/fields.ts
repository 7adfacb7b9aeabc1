/** Reads the fields of a JSON object and says in sentences what is wrong with them, all at once. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #problems: string[];

  /** `path` stands before the names of fields in sentences; sentences go to `problems`. */
  constructor(value: unknown, path: string, problems: string[]) {
    const whole = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!whole && value !== undefined)
      problems.push(`${path === '' ? 'the file' : path} must be an object, not ${show(value)}`);
    this.#values = whole ? (value as Record<string, unknown>) : {};
    this.#path = path;
    this.#problems = problems;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  /** A nested object; one that is absent has no fields. */
  object(name: string): Fields {
    return new Fields(this.#values[name], this.#nameOf(name), this.#problems);
  }

  /** Without `fallback` the field must be there. */
  text(name: string, fallback?: string): string {
    const value = this.#values[name] ?? fallback;
    if (typeof value === 'string' && (value !== '' || fallback === '')) return value;
    return this.#refuse(name, 'a text that is not empty', fallback ?? '');
  }

  integer(name: string, range: { min: number; max: number; fallback?: number }): number {
    const value = this.#values[name] ?? range.fallback;
    if (Number.isSafeInteger(value) && Number(value) >= range.min && Number(value) <= range.max)
      return Number(value);
    return this.#refuse(
      name,
      `a whole number from ${range.min} to ${range.max}`,
      range.fallback ?? range.min,
    );
  }

  number(name: string, range: { min: number; max: number; fallback: number }): number {
    const value = this.#values[name] ?? range.fallback;
    if (typeof value === 'number' && value >= range.min && value <= range.max) return value;
    return this.#refuse(name, `a number from ${range.min} to ${range.max}`, range.fallback);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#values[name] ?? fallback;
    return typeof value === 'boolean' ? value : this.#refuse(name, 'true or false', fallback);
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = (this.#values[name] ?? fallback) as T;
    return allowed.includes(value) ? value : this.#refuse(name, `one of ${allowed.join(', ')}`, fallback);
  }

  texts(name: string): string[] {
    const value = this.#values[name] ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== ''))
      return [...(value as string[])];
    return this.#refuse(name, 'a list of texts', []);
  }

  /** Says more about a field than its type. */
  must(holds: boolean, name: string, sentence: string): void {
    if (!holds) this.#problems.push(`${this.#nameOf(name)} ${sentence}`);
  }

  #nameOf(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  #refuse<T>(name: string, what: string, instead: T): T {
    const found = this.has(name) ? `is ${show(this.#values[name])}` : 'is missing';
    this.#problems.push(`${this.#nameOf(name)} ${found}; it must be ${what}`);
    return instead;
  }
}

const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? typeof value;
