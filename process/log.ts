/** The log of a process: one JSON line an event, with a fixed name and fields (events.ts lists the names). */
import { pino } from 'pino';
import type { Log } from '../transport/log.ts';

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** In every line: who speaks. */
  readonly name: string;
  readonly role: 'node' | 'coordinator';
}

/** What waits while stdout takes nothing, such as a file on a full disk; lines beyond it are lost. */
const waitingBytesMax = 1_048_576;

/**
 * Writes to stdout at once: the last line before an end is not lost. Lines that cannot be written wait for the next one;
 * that they cannot never ends a process. Keys and values of users are never in it.
 */
export function createLog({ level, name, role }: LogOptions): Log {
  const stdout = pino.destination({ fd: 1, sync: true, maxLength: waitingBytesMax });
  // Without a listener an error of the stream is thrown: at whoever logs, also at the handler of uncaught exceptions.
  stdout.on('error', () => {});
  const logger = pino(
    {
      level,
      base: { component: role, instance: name },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    stdout,
  );
  return withoutRepeats((severity, event, fields) => logger[severity](fields, event));
}

const repeatMs = 10_000;
/** Different lines that are remembered. */
const rememberedMax = 256;

/**
 * A warning or an error that is the same as one in the last ten seconds is left out: what is tried again and again fails
 * again and again. The next line of its kind says how many were left out.
 */
export function withoutRepeats(log: Log, monoMs: () => number = () => performance.now()): Log {
  const seen = new Map<string, { readonly at: number; repeats: number }>();
  return (level, event, fields) => {
    if (level !== 'warn' && level !== 'error') return log(level, event, fields);
    const line = `${event} ${JSON.stringify(fields)}`;
    const before = seen.get(line);
    const now = monoMs();
    if (before !== undefined && now - before.at < repeatMs) {
      before.repeats++;
      return;
    }
    seen.delete(line);
    seen.set(line, { at: now, repeats: 0 });
    if (seen.size > rememberedMax) seen.delete(seen.keys().next().value as string);
    const repeats = before?.repeats ?? 0;
    log(level, event, repeats === 0 ? fields : { ...fields, repeats });
  };
}
