/**
 * A planted bug is a patch of the source, applied while it is loaded: production code carries no switches. A patch
 * names text that must occur exactly once, so that it can't silently stop to fit.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface Edit {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Patch {
  readonly name: string;
  readonly edits: readonly Edit[];
}

const root = new URL('../../', import.meta.url);

/** @throws Error when the text to replace does not occur exactly once. */
export function patched(source: string, edit: Edit): string {
  const at = source.indexOf(edit.find);
  if (at < 0) throw new Error(`${edit.file} does not contain: ${edit.find}`);
  if (source.indexOf(edit.find, at + 1) >= 0)
    throw new Error(`${edit.file} contains more than once: ${edit.find}`);
  return source.slice(0, at) + edit.replace + source.slice(at + edit.find.length);
}

/** The whole text of a patched file; checks that the patch fits today's source. */
export const patchedFile = (edit: Edit): string =>
  patched(readFileSync(new URL(edit.file, root), 'utf8'), edit);

/** From here on every file that this thread loads is the patched one. Throws at once when the patch does not fit. */
export function applyPatch(patch: Patch): void {
  for (const edit of patch.edits) patchedFile(edit);
  const edits = new Map<string, Edit[]>();
  for (const edit of patch.edits) {
    const path = fileURLToPath(new URL(edit.file, root));
    edits.set(path, [...(edits.get(path) ?? []), edit]);
  }
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const mine = url.startsWith('file:') ? edits.get(fileURLToPath(url)) : undefined;
      if (mine === undefined || loaded.source === undefined || loaded.source === null) return loaded;
      let source =
        typeof loaded.source === 'string'
          ? loaded.source
          : Buffer.from(loaded.source as Uint8Array).toString();
      for (const edit of mine) source = patched(source, edit);
      return { ...loaded, source };
    },
  });
}
