/** Keys made of a record's fields: `city/{country}/{name}/{#}`. */
import { UsageError } from './exit.ts';

/** Makes the key of a record, which is number `number` of its file. @throws Error naming the field that is missing */
export type MakeKey = (record: unknown, number: number) => string;

/** `{a.b}` is a field within a field, `{#}` the record's number, `{{` and `}}` are braces. @throws UsageError */
export function parseTemplate(template: string): MakeKey {
  const parts: (string | readonly string[])[] = [];
  let at = 0;
  let text = '';
  while (at < template.length) {
    const two = template.slice(at, at + 2);
    const one = template[at] as string;
    if (two === '{{' || two === '}}') {
      text += one;
      at += 2;
    } else if (one === '{') {
      const end = template.indexOf('}', at);
      const field = end < 0 ? '' : template.slice(at + 1, end);
      if (field === '')
        throw new UsageError(
          `--key ${template}: a field is a name in braces, such as {id}; a brace itself is {{ or }}`,
        );
      parts.push(text, field.split('.'));
      text = '';
      at = end + 1;
    } else if (one === '}')
      throw new UsageError(`--key ${template}: a brace closes nothing; a brace itself is }}`);
    else {
      text += one;
      at++;
    }
  }
  parts.push(text);
  if (parts.length === 1)
    throw new UsageError(
      `--key ${template}: without a field all records have the same key; use {#} or a field`,
    );
  return (record, number) =>
    parts
      .map((part) =>
        typeof part === 'string' ? part : part[0] === '#' ? `${number}` : fieldText(record, part),
      )
      .join('');
}

function fieldText(record: unknown, path: readonly string[]): string {
  const value = fieldOf(record, path);
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(
    `the field ${path.join('.')} is ${value === null ? 'null' : 'a list or an object'}; a key needs text or a number`,
  );
}

/** @throws Error naming the field */
export function fieldOf(record: unknown, path: readonly string[]): unknown {
  let value = record;
  for (const name of path) {
    const inside =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    if (inside === undefined) throw new Error(`there is no field ${path.join('.')}`);
    value = inside;
  }
  return value;
}
