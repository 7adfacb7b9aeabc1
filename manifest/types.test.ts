import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { type FieldSchema, resourceSchema } from './schema.ts';

/** The types and the schema are written apart; this walks both at once. */
const file = join(import.meta.dirname, 'types.ts');
const tree = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
const interfaces = new Map(
  tree.statements.filter(ts.isInterfaceDeclaration).map((each) => [each.name.text, each.members]),
);
const aliases = new Map(
  tree.statements.filter(ts.isTypeAliasDeclaration).map((each) => [each.name.text, each.type]),
);

const schemaOf = (name: 'spec' | 'status'): FieldSchema => resourceSchema().properties![name]!;

/** Differences between members of a type and properties of a schema, as sentences. */
function differences(members: readonly ts.TypeElement[], schema: FieldSchema, path: string): string[] {
  const properties = { ...schema.properties };
  const found = members.filter(ts.isPropertySignature).flatMap((member) => {
    const name = member.name.getText();
    const field = properties[name];
    delete properties[name];
    if (!field) return [`${path}.${name} is not in the schema`];
    const optional = member.questionToken !== undefined;
    const always = field.default !== undefined || (schema.required ?? []).includes(name);
    const presence =
      optional === always
        ? [`${path}.${name} is ${optional ? 'optional' : 'required'} in types.ts only`]
        : [];
    return [...presence, ...typeDifferences(member.type!, field, `${path}.${name}`)];
  });
  return [...found, ...Object.keys(properties).map((name) => `${path}.${name} is not in types.ts`)];
}

function typeDifferences(type: ts.TypeNode, field: FieldSchema, path: string): string[] {
  if (ts.isTypeLiteralNode(type)) return differences([...type.members], field, path);
  if (ts.isTypeOperatorNode(type)) return typeDifferences(type.type, field, path);
  if (ts.isArrayTypeNode(type))
    return field.items ? typeDifferences(type.elementType, field.items, `${path}[]`) : [`${path} is no list`];
  if (ts.isTypeReferenceNode(type)) {
    const name = type.typeName.getText();
    const members = interfaces.get(name);
    if (members) return differences([...members], field, path);
    const alias = aliases.get(name);
    if (alias) return typeDifferences(alias, field, path);
  }
  if (ts.isUnionTypeNode(type)) {
    const literals = type.types.map((each) => each.getText().replaceAll("'", '')).sort();
    if (path.endsWith('conditions[].type')) return [];
    const allowed = [...(field.enum ?? [])].sort();
    return literals.join() === allowed.join()
      ? []
      : [`${path} allows ${allowed} in the schema, ${literals} in types.ts`];
  }
  const words: Partial<Record<ts.SyntaxKind, string>> = {
    [ts.SyntaxKind.NumberKeyword]: 'integer',
    [ts.SyntaxKind.StringKeyword]: 'string',
    [ts.SyntaxKind.BooleanKeyword]: 'boolean',
  };
  const word = words[type.kind];
  return word !== undefined && word !== field.type
    ? [`${path} is ${field.type} in the schema, ${word} in types.ts`]
    : [];
}

describe('types and schema agree on', () => {
  test('the spec: names, types, and what is always there after the defaults', () => {
    expect(differences([...interfaces.get('ChainClusterSpec')!], schemaOf('spec'), 'spec')).toEqual([]);
  });
  test('the status', () => {
    const found = differences([...interfaces.get('ChainClusterStatus')!], schemaOf('status'), 'status');
    // Kubernetes' own Condition leaves this one optional; the operator always writes it.
    expect(found).toEqual(['status.conditions[].observedGeneration is required in types.ts only']);
  });
  test('nothing that differs', () => {
    const found = differences([...interfaces.get('ChainClusterSpec')!], schemaOf('status'), 'spec');
    expect(found).toContain('spec.slots is not in the schema');
    expect(found).toContain('spec.conditions is not in types.ts');
  });
});
