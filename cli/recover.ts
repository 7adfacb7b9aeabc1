/** `recover`: the last resort when the coordinators lost their state. */
import { createInterface } from 'node:readline/promises';
import { readRunner } from '../local/folder.ts';
import type { Context } from './context.ts';
import { CommandFailed, exitCodes, UsageError } from './exit.ts';
import { print } from './output.ts';

interface Answer {
  readonly ok: boolean;
  readonly message: string;
  readonly leading?: boolean;
  readonly leader?: string;
}

export async function recover({ settings, flags, world }: Context): Promise<void> {
  const giveUp = String(flags.giveUp ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  const admin = await coordinatorOf(flags.coordinator, settings.dataDir);
  const loss = giveUp.length === 0 ? '' : ` What only ${giveUp.join(', ')} has is lost for ever.`;
  if (flags.yes !== true) await confirm(world, `Build the state of cluster ${flags.clusterId} anew?${loss}`);
  const answer = await order(
    admin,
    { kind: 'recover', clusterId: flags.clusterId, giveUp },
    settings.timeoutMs,
  );
  if (!answer.ok) throw new CommandFailed(`the coordinator at ${admin} refuses: ${answer.message}`);
  print(world.stdout, settings.format ?? 'table', {
    data: answer,
    table: () => answer.message,
    value: () => 'ok',
  });
}

async function coordinatorOf(flag: string | undefined, dataDir: string): Promise<string> {
  if (flag !== undefined) return flag;
  const coordinator = (await readRunner(dataDir))?.processes.find(({ role }) => role === 'coordinator');
  if (coordinator !== undefined) return coordinator.admin;
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
      `UNAVAILABLE: the coordinator at ${admin} does not answer: ${why}`,
      exitCodes.unavailable,
    );
  }
  return (await response.json()) as Answer;
}
