import { createHash } from 'node:crypto';

/** Fields whose values, or those right below them, are quantities. */
const quantityFields = new Set(['requests', 'limits', 'sizeLimit']);

/**
 * Whether `live` already says everything that `wanted` says. Fields that the server or others added do not matter.
 * Lists whose items have a name (containers, ports, variables, conditions) are matched by it, other lists must be
 * equal in length and order; quantities are compared by value, since the server rewrites `1024Mi` as `1Gi`.
 */
export function covers(live: unknown, wanted: unknown, asQuantity = false): boolean {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted)) return Array.isArray(live) && listCovers(live, wanted);
  if (typeof wanted === 'object' && wanted !== null) {
    // The server drops empty objects and lists; an absent field says as much as an empty one.
    if (live === undefined) return Object.values(wanted).every((value) => value === undefined);
    if (typeof live !== 'object' || live === null || Array.isArray(live)) return false;
    return Object.entries(wanted).every(([key, value]) => {
      const there = (live as Record<string, unknown>)[key];
      if (there === undefined && isEmptyList(value)) return true;
      return covers(there, value, asQuantity || quantityFields.has(key));
    });
  }
  return live === wanted || (asQuantity && sameQuantity(live, wanted));
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function listCovers(live: unknown[], wanted: unknown[]): boolean {
  const key = identifyingField(wanted);
  if (key === undefined) {
    return live.length === wanted.length && wanted.every((item, index) => covers(live[index], item));
  }
  const byKey = new Map(live.map((item) => [(item as Record<string, unknown> | null)?.[key], item]));
  return wanted.every((item) => covers(byKey.get((item as Record<string, unknown>)[key]), item));
}

/** The fields by which server-side apply merges the lists that we write. */
function identifyingField(items: unknown[]): string | undefined {
  if (items.length === 0) return undefined;
  return ['name', 'uid', 'type'].find((field) => {
    const values = items.map((item) => (item as Record<string, unknown> | null)?.[field]);
    return values.every((value) => typeof value === 'string') && new Set(values).size === items.length;
  });
}

function sameQuantity(a: unknown, b: unknown): boolean {
  if (typeof a !== 'string' && typeof a !== 'number') return false;
  if (typeof b !== 'string' && typeof b !== 'number') return false;
  const [left, right] = [quantity(String(a)), quantity(String(b))];
  return left !== undefined && left === right;
}

const scales: Record<string, bigint> = {
  n: 1n,
  u: 10n ** 3n,
  m: 10n ** 6n,
  '': 10n ** 9n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  Ki: 10n ** 9n * 2n ** 10n,
  Mi: 10n ** 9n * 2n ** 20n,
  Gi: 10n ** 9n * 2n ** 30n,
  Ti: 10n ** 9n * 2n ** 40n,
  Pi: 10n ** 9n * 2n ** 50n,
  Ei: 10n ** 9n * 2n ** 60n,
};

/** A Kubernetes quantity in billionths, `undefined` for text that is none. */
export function quantity(text: string): bigint | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = match;
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(`${whole}${fraction}`);
  const scale = scales[suffix] ?? 0n;
  const shift = Number(exponent ?? 0) - fraction.length;
  const scaled =
    shift >= 0 ? digits * scale * 10n ** BigInt(shift) : (digits * scale) / 10n ** BigInt(-shift);
  return sign === '-' ? -scaled : scaled;
}

/** Twelve hexadecimal digits that depend on content alone, not on the order of an object's fields. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 12);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}
