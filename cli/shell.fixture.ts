/** Runs command lines in this process and keeps what they print. */
import { Readable } from 'node:stream';
import { run } from './run.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface ShellOptions {
  readonly workingFolder: string;
  readonly env?: Readonly<Record<string, string>>;
}

export type Shell = (args: readonly string[], input?: string | Uint8Array) => Promise<Ran>;

export function shellIn({ workingFolder, env = {} }: ShellOptions): Shell {
  return async (args, input = '') => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const code = await run(args, {
      env,
      stdin: Readable.from([Buffer.from(input as string)]),
      stdout: { write: (text) => out.push(Buffer.from(text as string)) },
      stderr: { write: (text) => err.push(Buffer.from(text as string)) },
      workingFolder,
    });
    return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() };
  };
}
