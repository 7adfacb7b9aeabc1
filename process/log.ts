/** The log of a process: one JSON line an event, with a fixed name and fields (events.ts lists the names). */
import { pino } from 'pino';
import type { Log } from '../transport/log.ts';

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** In every line: who speaks. */
  readonly name: string;
  readonly role: 'node' | 'coordinator';
}

/** Writes to stdout at once: the last line before an end is not lost. Keys and values of users are never in it. */
export function createLog({ level, name, role }: LogOptions): Log {
  const logger = pino(
    {
      level,
      base: { component: role, instance: name },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 1, sync: true }),
  );
  return (severity, event, fields) => logger[severity](fields, event);
}
