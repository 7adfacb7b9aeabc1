/** What every command may be told: where the cluster is, how long to wait, how to print. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { styleText } from 'node:util';
import { UsageError } from './exit.ts';
import { type Format, formats } from './output.ts';
import type { World } from './world.ts';

export interface Settings {
  readonly endpoints: readonly string[];
  /** How the endpoints are known, for messages. */
  readonly endpointsFrom: string;
  /** The cluster that is meant: known of one that runs here. '' = the one whose endpoints these are */
  readonly clusterId: string;
  readonly timeoutMs: number;
  /** Undefined: what the command prints when nobody says. */
  readonly format: Format | undefined;
  readonly colour: (style: Parameters<typeof styleText>[0], text: string) => string;
  /** Folder in which a local cluster may run. */
  readonly dataDir: string;
}

/** As commander collects them. */
export interface GlobalFlags {
  readonly endpoints?: string;
  readonly timeout?: string;
  readonly output?: string;
  readonly color?: boolean;
  readonly dataDir?: string;
}

const defaultEndpoint = '127.0.0.1:7400';
const defaultDataDir = '.chaincluster';

/** Flags before environment before the cluster that runs here. @throws UsageError */
export function settingsOf(flags: GlobalFlags, { env, stdout, workingFolder }: World): Settings {
  const dataDir = resolve(workingFolder, flags.dataDir ?? env.CHAIN_DATA_DIR ?? defaultDataDir);
  const colourful =
    flags.color !== false && !env.NO_COLOR && env.CHAIN_NO_COLOR === undefined && stdout.isTTY === true;
  return {
    ...endpointsOf(flags.endpoints, env.CHAIN_ENDPOINTS, dataDir),
    timeoutMs: durationOf('--timeout', flags.timeout ?? env.CHAIN_TIMEOUT ?? '10s'),
    format: formatOf(flags.output ?? env.CHAIN_OUTPUT),
    colour: (style, text) => (colourful ? styleText(style, text, { validateStream: false }) : text),
    dataDir,
  };
}

function endpointsOf(
  flag: string | undefined,
  variable: string | undefined,
  dataDir: string,
): Pick<Settings, 'endpoints' | 'endpointsFrom' | 'clusterId'> {
  for (const [given, from] of [
    [flag, '--endpoints'],
    [variable, 'CHAIN_ENDPOINTS'],
  ] as const) {
    if (given === undefined) continue;
    const endpoints = given.split(',').map((each) => each.trim());
    const bad = endpoints.find((each) => !/^(\[[^\]]+\]|[^:\s]+):\d{1,5}$/.test(each));
    if (bad !== undefined)
      throw new UsageError(
        `${from}: "${bad}" is no address; write host:port, several with commas between them`,
      );
    return { endpoints, endpointsFrom: from, clusterId: '' };
  }
  const local = localEndpoints(dataDir);
  return local === null
    ? { endpoints: [defaultEndpoint], endpointsFrom: 'the default', clusterId: '' }
    : {
        endpoints: local,
        endpointsFrom: dataDir,
        clusterId: readNote(dataDir, 'local.json').clusterId ?? '',
      };
}

/** Those of the cluster that runs in this folder. */
function localEndpoints(dataDir: string): string[] | null {
  const { endpoints = [] } = readNote(dataDir, 'runner.json');
  return endpoints.length > 0 ? endpoints : null;
}

/** What a runner wrote into its folder; nothing when it can't be read. */
function readNote(dataDir: string, file: string): { endpoints?: string[]; clusterId?: string } {
  try {
    return JSON.parse(readFileSync(join(dataDir, file), 'utf8')) as {
      endpoints?: string[];
      clusterId?: string;
    };
  } catch {
    return {};
  }
}

function formatOf(text: string | undefined): Format | undefined {
  if (text === undefined || formats.includes(text as Format)) return text as Format | undefined;
  throw new UsageError(`-o ${text}: choose ${formats.join(', ')}`);
}

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `500ms`, `10s`, `2m`; a bare number is milliseconds. @throws UsageError */
export function durationOf(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const ms = Number(match?.[1]) * (units[match?.[2] ?? 'ms'] ?? Number.NaN);
  if (match === null || !(ms > 0))
    throw new UsageError(`${flag} ${text}: write a time above 0, such as 500ms, 10s or 2m`);
  return Math.ceil(ms);
}

/** @throws UsageError */
export function wholeNumberOf(flag: string, text: string, range: { min: number; max: number }): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= range.min && value <= range.max) return value;
  throw new UsageError(`${flag} ${text}: write a whole number from ${range.min} to ${range.max}`);
}
