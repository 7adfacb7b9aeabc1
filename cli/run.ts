/** Runs one command line and says how it ended. */
import { CommanderError } from 'commander';
import { exitCodes, reportError } from './exit.ts';
import { buildProgram } from './program.ts';
import type { World } from './world.ts';

const writes = new Set(['put', 'del', 'add']);

/** Resolves to the exit code; never rejects. */
export async function run(args: readonly string[], world: World): Promise<number> {
  const program = buildProgram(world);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return Number(program.getOptionValue('exitCode') ?? exitCodes.ok);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const command = args.find((arg) => !arg.startsWith('-')) ?? '';
    return reportError(error, world.stderr, writes.has(command));
  }
}
