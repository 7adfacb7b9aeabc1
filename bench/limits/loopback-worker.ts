/** The other end of a raw round trip. */
import { startEcho } from './loopback.ts';

process.send?.({ port: await startEcho() });
process.on('disconnect', () => process.exit(0));
