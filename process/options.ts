/** Flags and variables of a process. */
import { ConfigError } from './endings.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** Runs a parser of flags. @throws ConfigError instead of what node:util throws. */
export function refuseFlags<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new ConfigError([`${(error as Error).message}; --help lists the options`]);
  }
}

/** 0 = one that is free. @throws ConfigError */
export function portOf(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new ConfigError([`${name} is "${text}"; it must be a port, 0 to 65535`]);
}

/** @throws ConfigError */
export function integerOf(
  name: string,
  text: string | undefined,
  range: { min: number; max: number; fallback: number },
): number {
  if (text === undefined) return range.fallback;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= range.min && value <= range.max) return value;
  throw new ConfigError([
    `${name} is "${text}"; it must be a whole number from ${range.min} to ${range.max}`,
  ]);
}
