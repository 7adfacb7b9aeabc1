import { describe, expect, test } from 'vitest';
import { clusterWith } from './fixtures.ts';
import { buildAccess } from './objects/access.ts';
import type { Role } from './objects/kinds.ts';
import { clusterRules, namespacedRules } from './rbac.ts';
import { resources } from './runtime/resources.ts';

const rules = [...namespacedRules, ...clusterRules];
const may = (group: string, resource: string): string[] =>
  rules
    .filter((rule) => rule.apiGroups.includes(group) && rule.resources.includes(resource))
    .flatMap(({ verbs }) => verbs);

describe('the operator may', () => {
  test.each(resources.map((resource) => [resource.plural, resource] as const))(
    'work with %s',
    (_, resource) => {
      const group = resource.apiVersion.includes('/') ? (resource.apiVersion.split('/')[0] ?? '') : '';
      expect(may(group, resource.plural)).not.toEqual([]);
    },
  );

  test('nothing that is not listed: no wildcard, no secret, no exec', () => {
    const words = rules.flatMap(({ apiGroups, resources: names, verbs }) => [
      ...apiGroups,
      ...names,
      ...verbs,
    ]);
    expect(words.filter((word) => /\*|secret|exec|escalate|impersonate|bind$/.test(word))).toEqual([]);
  });

  test('do whatever it grants to the coordinators, as the API server demands', () => {
    const role = buildAccess(clusterWith()).find(({ kind }) => kind === 'Role') as Role;
    for (const { apiGroups = [], resources: names = [], verbs } of role.rules) {
      expect(may(apiGroups[0] ?? '', names[0] ?? '')).toEqual(expect.arrayContaining(verbs));
    }
  });
});
