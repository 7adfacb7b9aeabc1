/** Takes named events with facts: `link.up`, `link.down`, `link.refused` … Names and fields are stable, no prose. */
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  name: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

export const noLog: Log = () => {};

/** Counts by name what goes wrong, and passes everything on. */
export function countingLog(log: Log, count: (name: string) => void): Log {
  return (level, name, fields) => {
    if (level === 'warn' || level === 'error') count(name);
    log(level, name, fields);
  };
}
