/** `recover`: the last resort when the coordinators lost their state. */
import { createInterface } from 'node:readline/promises';
import { readRunner } from '../local/folder.ts';
import type { Context } from './context.ts';
import { CommandFailed, exitCodes, UsageError } from './exit.ts';
import { print } from './output.ts';
import { readAdmin } from './replicas.ts';

/** The coordinator of the pod in which this runs. */
const podAdmin = '127.0.0.1:7412';

/** What of a coordinator's `/state` matters here. */
interface View {
  readonly leading: boolean;
  readonly leader: string;
  readonly trouble: { readonly reason: string; readonly message: string; readonly clusterId: string } | null;
}

interface Answer {
  readonly ok: boolean;
  readonly message: string;
  readonly leading?: boolean;
  readonly leader?: string;
}

export async function recover({ settings, flags, world }: Context): Promise<void> {
  const giveUp = listOf(flags.giveUp);
  const giveUpSlots = listOf(flags.giveUpSlots).map(slotOf);
  const admin = await coordinatorOf(flags.coordinator, settings, world.env);
  const clusterId = flags.clusterId ?? (await lostCluster(admin, settings.timeoutMs));
  const lost = giveUp.length === 0 ? '' : ` What only ${giveUp.join(', ')} has is lost for ever.`;
  const empty = giveUpSlots.length === 0 ? '' : ` Slots ${giveUpSlots.join(', ')} may begin anew, empty.`;
  if (flags.yes !== true)
    await confirm(world, `Build the state of cluster ${clusterId} anew?${lost}${empty}`);
  const answer = await order(admin, { kind: 'recover', clusterId, giveUp, giveUpSlots }, settings.timeoutMs);
  if (!answer.ok) throw new CommandFailed(`the coordinator at ${admin} refuses: ${answer.message}`);
  print(world.stdout, settings.format ?? 'table', {
    data: answer,
    table: () => answer.message,
    value: () => 'ok',
  });
}

const listOf = (flag: unknown): string[] =>
  String(flag ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');

function slotOf(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new UsageError(`--give-up-slots takes numbers of slots, not ${text}`);
  return Number(text);
}

/** The id that the nodes tell the coordinator. @throws CommandFailed when it misses no state, or has heard no node */
async function lostCluster(admin: string, timeoutMs: number): Promise<string> {
  const view = await readAdmin<View>(admin, timeoutMs);
  if (view === null)
    throw new CommandFailed(
      `UNAVAILABLE: the coordinator at ${admin} does not answer`,
      exitCodes.unavailable,
    );
  const { leading, leader, trouble } = view;
  if (trouble === null) {
    const why = leading
      ? 'it leads, and has its state'
      : leader === ''
        ? 'no coordinator holds the lease now; try again'
        : `it does not hold the lease; run this where the one does whose links are at ${leader}`;
    throw new CommandFailed(`the coordinator at ${admin} has nothing to recover: ${why}`);
  }
  if (trouble.reason !== 'StateLost') throw new CommandFailed(`recover does not help: ${trouble.message}`);
  if (trouble.clusterId === '')
    throw new CommandFailed('no storage node of a cluster has registered yet; start the nodes first');
  return trouble.clusterId;
}

async function coordinatorOf(
  flag: string | undefined,
  { dataDir, timeoutMs }: Context['settings'],
  env: Context['world']['env'],
): Promise<string> {
  if (flag !== undefined) return flag;
  if (env.POD_NAME !== undefined) return podAdmin;
  const here = (await readRunner(dataDir))?.processes.filter(({ role }) => role === 'coordinator') ?? [];
  const views = await Promise.all(
    here.map(async ({ admin }) => ({ admin, view: await readAdmin<View>(admin, timeoutMs) })),
  );
  // The one that holds the lease and misses its state; else one that can say why there is nothing to recover.
  const one =
    views.find(({ view }) => view?.trouble != null) ??
    views.find(({ view }) => view?.leading === true) ??
    views.find(({ view }) => view !== null) ??
    views[0];
  if (one !== undefined) return one.admin;
  throw new UsageError(
    'no cluster runs here; on the machine of a coordinator, name its admin address with --coordinator HOST:PORT ' +
      '(port 7412 by default)',
  );
}

async function confirm({ stdin, stderr }: Context['world'], question: string): Promise<void> {
  const isTerminal = (stdin as { isTTY?: boolean }).isTTY === true && stderr.isTTY === true;
  if (!isTerminal) throw new UsageError(`${question} Say --yes to do it without being asked`);
  const asking = createInterface({ input: stdin, output: stderr as NodeJS.WritableStream });
  const said = await asking.question(`${question} Type yes: `);
  asking.close();
  if (said.trim() !== 'yes') throw new CommandFailed('nothing was done');
}

async function order(admin: string, command: unknown, timeoutMs: number): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(`http://${admin}/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(command),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    const why =
      (error as Error).cause instanceof Error
        ? ((error as Error).cause as Error).message
        : (error as Error).message;
    throw new CommandFailed(
      `UNAVAILABLE: the coordinator at ${admin} did not answer the order: ${why}; ` +
        'it may have taken effect, or still may: look at chainctl status before you order it again',
      exitCodes.unavailable,
    );
  }
  return (await response.json()) as Answer;
}
