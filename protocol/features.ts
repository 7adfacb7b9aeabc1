/**
 * What a release can do that another one may not: one number, raised with each kind of entry, message or field that older
 * releases would not understand. Replicas tell theirs in their handshakes, so that a head orders nothing that a member of
 * its chain does not know.
 */
import type { EntryKind } from './entry.ts';

/** Of this release. */
export const featureLevel = 1;

/** The level that every member needs before a head may order such an entry. */
export const kindLevels: Readonly<Record<EntryKind, number>> = { put: 1, delete: 1, counter: 1, refused: 1 };
