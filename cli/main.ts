/** The command line, `chainctl`. The only file here that touches arguments, environment and the exit code. */
import { enableCompileCache } from 'node:module';

// Compiled code is kept between runs: a command then starts several times as fast.
enableCompileCache();
const { run } = await import('./run.ts');
process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  workingFolder: process.cwd(),
});
