/** `npm start [-- MANIFEST]`: runs a cluster on this machine until Ctrl-C. */
import { resolve } from 'node:path';
import { ManifestError } from '../manifest/problem.ts';
import { runInForeground } from './foreground.ts';
import { LocalError } from './local-error.ts';

const usage = `Usage: npm start [-- MANIFEST]

Runs the ChainCluster of a manifest as processes on this machine, until Ctrl-C. Data stays for the next start.

  MANIFEST   a YAML or JSON file with one ChainCluster   [examples/local.yaml]`;

const [file, ...more] = process.argv.slice(2);

if (file === '--help' || file === '-h') console.log(usage);
else if (more.length > 0 || file?.startsWith('-')) {
  console.error(`${usage}\n\nnot understood: ${[file, ...more].join(' ')}`);
  process.exitCode = 2;
} else
  try {
    await runInForeground({
      file: file === undefined ? undefined : resolve(file),
      workingFolder: process.cwd(),
      out: process.stdout,
      warn: (line) => console.error(line),
    });
  } catch (error) {
    if (!(error instanceof ManifestError || error instanceof LocalError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
