/**
 * Which tables a database consists of, by its MANIFEST. Others may lie beside them: one that was being written when the
 * process was killed, or an old one that was not removed yet. LevelDB deletes those unread when it opens.
 * https://github.com/google/leveldb/blob/main/doc/impl.md, log_format.md; tags of a version edit: db/version_edit.cc
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from './crc32c.ts';
import { Broken, storedChecksum, varint } from './level-format.ts';

const blockBytes = 32_768;
const headerBytes = 7;
const parts = { full: 1, first: 2, middle: 3, last: 4 } as const;
const tags = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLogNumber: 9,
} as const;

/** Numbers of the tables; null when CURRENT or the MANIFEST cannot be understood, which LevelDB itself then says. */
export async function namedTables(database: string): Promise<ReadonlySet<number> | null> {
  try {
    const name = (await readFile(join(database, 'CURRENT'), 'utf8')).trimEnd();
    return tablesIn(await readFile(join(database, name)));
  } catch (error) {
    if (error instanceof Broken || ['ENOENT', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return null;
    throw error;
  }
}

/** @throws Broken */
export function tablesIn(manifest: Buffer): Set<number> {
  const named = new Set<number>();
  for (const edit of recordsOf(manifest)) applyEdit(edit, named);
  return named;
}

/** Records in order; the last one may be cut off, as a process leaves it that is killed. @throws Broken */
function* recordsOf(file: Buffer): Generator<Buffer> {
  let begun: Buffer[] = [];
  for (let at = 0; at + headerBytes <= file.length; ) {
    const room = blockBytes - (at % blockBytes);
    const length = room < headerBytes ? 0 : file.readUInt16LE(at + 4);
    const part = room < headerBytes ? 0 : (file[at + 6] as number);
    // The rest of the block was left empty.
    if (part === 0 && length === 0) {
      at += room;
      continue;
    }
    const end = at + headerBytes + length;
    if (end > file.length) return;
    if (storedChecksum(file, at) !== crc32c(file, at + 6, end))
      throw new Broken(`the record at ${at} does not fit its checksum`);
    const piece = file.subarray(at + headerBytes, end);
    begun = part === parts.full || part === parts.first ? [piece] : [...begun, piece];
    if (part === parts.full || part === parts.last) yield Buffer.concat(begun);
    at = end;
  }
}

function applyEdit(edit: Buffer, named: Set<number>): void {
  let at = 0;
  const number = (): number => {
    const { value, next } = varint(edit, at);
    at = next;
    return value;
  };
  const skipText = (): void => {
    const length = number();
    at += length;
  };
  while (at < edit.length) {
    const tag = number();
    switch (tag) {
      case tags.comparator:
        skipText();
        break;
      case tags.logNumber:
      case tags.nextFile:
      case tags.lastSequence:
      case tags.previousLogNumber:
        number();
        break;
      case tags.compactPointer:
        number();
        skipText();
        break;
      case tags.deletedFile:
        number();
        named.delete(number());
        break;
      case tags.newFile:
        number();
        named.add(number());
        number();
        skipText();
        skipText();
        break;
      default:
        throw new Broken(`a version edit has the unknown tag ${tag}`);
    }
  }
}
