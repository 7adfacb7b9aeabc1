/** A process for tests to kill: writes batch after batch and says each number once it is acknowledged. */
import { writeSync } from 'node:fs';
import type { Position } from '../../protocol/words.ts';
import { openStore } from './open.ts';
import { append, apply, batch, Head, marks, trim } from './store.samples.ts';
import type { Durability } from './store.ts';

const [folder = '', durability = 'fsync'] = process.argv.slice(2);
const { store, boot } = await openStore({
  folder,
  clusterName: 'test',
  durability: durability as Durability,
  syncEveryMs: 20,
});
const ends = new Map(boot.slots.map((s) => [s.slot as number, s.log.at(-1) ?? s.start]));
const heads = [1, 2].map((of) => new Head(of, endOf(ends.get(of))));
for (let i = 0; ; i++) {
  const written = heads.map((head) => head.puts(1 + ((head.end.seq * 7) % 5), (head.end.seq * 131) % 3000));
  const items = written.flatMap((entries) => [append(...entries), apply(...entries)]);
  const trims =
    i % 50 === 49
      ? heads.map(({ slot, end }) => trim(slot, { ...end, seq: (end.seq - 1) as Position['seq'] }))
      : [];
  await store.write(batch(...items, ...heads.map(({ slot, end }) => marks(slot, end)), ...trims));
  writeSync(1, `${heads.map((head) => head.end.seq).join(' ')}\n`);
}

function endOf(position: Position | undefined): Position | undefined {
  return position === undefined ? undefined : { version: position.version, seq: position.seq };
}
