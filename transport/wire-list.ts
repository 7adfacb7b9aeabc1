/** Pages of the values of a slot. */
import {
  bytesList,
  type Codec,
  latin1List,
  latin1OrNull,
  message,
  nested,
  uint,
  uint32,
} from '../proto/fields.ts';
import type { List, Listed } from '../protocol/messages.ts';
import { position } from './wire-parts.ts';

export const list: Codec<List> = message<List>(
  'List',
  { id: uint(1), slot: uint32(2), after: latin1OrNull(3), maxBytes: uint32(4) },
  { kind: 'list' },
);

export const listed: Codec<Listed> = message<Listed>(
  'Listed',
  {
    id: uint(1),
    values: bytesList(2),
    next: latin1OrNull(3),
    at: nested(4, position),
    damaged: latin1List(5),
  },
  { kind: 'listed' },
);
