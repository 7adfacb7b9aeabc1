/** `scrub`: nodes read all of their records now; `--status` shows how far they are, and what was found and repaired. */
import { clusterStatus, type NodeStatus } from '../client/cluster.ts';
import type { Context } from './context.ts';
import { CommandFailed, exitCodes, UsageError } from './exit.ts';
import { print, tableOf } from './output.ts';
import { readAdmin } from './replicas.ts';

/** What a node's `/state` says of its scrub; counts are since its process began. */
interface ScrubView {
  readonly records: number;
  readonly damaged: number;
  readonly repairing: number;
  readonly repaired: number;
  readonly nowhere: number;
  readonly compared: number;
  readonly differing: number;
  readonly undecided: number;
  /** When the last whole pass ended, ms since 1970; 0 = none did. */
  readonly lastPassAt: number;
  /** Of the present pass; 0 = none is under way. */
  readonly slotsLeft: number;
}

interface Row {
  readonly node: string;
  /** Null when the node does not say. */
  readonly scrub: ScrubView | null;
}

export async function scrub(context: Context): Promise<void> {
  const { settings, flags } = context;
  const { nodes } = await clusterStatus(settings);
  const chosen = nodes.filter(({ node }) => flags.node === undefined || node === flags.node);
  if (chosen.length === 0)
    throw new UsageError(
      `--node: there is no node ${flags.node}; nodes: ${nodes.map(({ node }) => node).join(', ')}`,
    );
  await (flags.status === true ? show(context, chosen) : begin(context, chosen));
}

async function begin({ settings, world }: Context, nodes: readonly NodeStatus[]): Promise<void> {
  const asked = await Promise.all(
    nodes.map(async ({ node, place }) => ({ node, begun: await ask(place.admin, settings.timeoutMs) })),
  );
  const silent = asked.filter(({ begun }) => !begun).map(({ node }) => node);
  const begun = asked.length - silent.length;
  print(world.stdout, settings.format ?? 'table', {
    data: { nodes: asked },
    table: () =>
      `${begun} ${begun === 1 ? 'node begins' : 'nodes begin'} a pass; chainctl scrub --status shows how far`,
    value: () => `${begun}`,
  });
  unlessAll(silent);
}

async function show({ settings, world }: Context, nodes: readonly NodeStatus[]): Promise<void> {
  const rows = await Promise.all(
    nodes.map(async ({ node, place }): Promise<Row> => {
      const state = await readAdmin<{ scrub?: ScrubView }>(place.admin, settings.timeoutMs);
      return { node, scrub: state?.scrub ?? null };
    }),
  );
  print(world.stdout, settings.format ?? 'table', {
    data: { nodes: rows },
    table: () => tableOf(header, rows.map(cellsOf)),
    value: () => rows.map(({ node, scrub: s }) => `${node} ${s === null ? '?' : s.slotsLeft}\n`).join(''),
  });
  unlessAll(rows.filter((row) => row.scrub === null).map(({ node }) => node));
}

const header = [
  ...['NODE', 'PASS', 'LAST', 'RECORDS', 'DAMAGED', 'REPAIRING', 'REPAIRED', 'NOWHERE', 'COMPARED'],
  ...['DIFFERING', 'UNDECIDED'],
];

function cellsOf({ node, scrub: s }: Row): string[] {
  if (s === null) return [node, ...header.slice(1).map(() => '?')];
  const pass = s.slotsLeft === 0 ? 'none' : `${s.slotsLeft} slots left`;
  const last = s.lastPassAt === 0 ? 'never' : new Date(s.lastPassAt).toISOString().slice(0, 19);
  const counts = [
    s.records,
    s.damaged,
    s.repairing,
    s.repaired,
    s.nowhere,
    s.compared,
    s.differing,
    s.undecided,
  ];
  return [node, pass, last, ...counts.map(String)];
}

async function ask(admin: string, timeoutMs: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    return (await fetch(`http://${admin}/scrub`, { method: 'POST', signal })).ok;
  } catch {
    return false;
  }
}

function unlessAll(silent: readonly string[]): void {
  if (silent.length > 0)
    throw new CommandFailed(`UNAVAILABLE: ${silent.join(', ')} did not answer`, exitCodes.unavailable);
}
