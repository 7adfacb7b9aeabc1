/** One of several processes that sync at the same time. */
import { syncLoop } from './disk.ts';

const [file, bytes, ms] = process.argv.slice(2) as [string, string, string];
process.once('message', () => {
  process.send?.(syncLoop(file, Number(bytes), Number(ms)), () => process.exit(0));
});
