/** Takes named events with facts: `link.up`, `link.down`, `link.refused` … Names and fields are stable, no prose. */
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  name: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

export const noLog: Log = () => {};
