/** What processes say about themselves over their admin servers. */
import type { ProcessPlan } from '../../local/layout.ts';
import { localHost } from '../../local/layout.ts';

export interface Figures {
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly handles: number;
  readonly loopDelayMs: number;
}

export interface ChainsView {
  readonly leading: boolean;
  readonly waiting: string;
  readonly trouble?: { readonly reason: string; readonly message: string; readonly clusterId: string } | null;
  readonly chains: readonly {
    readonly slot: number;
    readonly full: boolean;
    readonly members: readonly { readonly node: string }[];
  }[];
  readonly nodes: readonly { readonly node: string; readonly status: string; readonly admitted: boolean }[];
}

/** Null when it does not answer. */
export async function figuresOf({ ports }: ProcessPlan): Promise<Figures | null> {
  const text = await textOf(ports.admin, '/metrics');
  if (text === null) return null;
  const figure = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return {
    residentBytes: figure('process_resident_memory_bytes'),
    heapBytes: figure('nodejs_heap_size_used_bytes'),
    handles: figure('process_open_fds'),
    loopDelayMs: figure('nodejs_eventloop_lag_p99_seconds') * 1000,
  };
}

/** Why a node must be started anew; '' = it need not, or it does not answer. */
export async function troubleOf({ ports }: ProcessPlan): Promise<string> {
  try {
    const answer = await fetch(`http://${localHost}:${ports.admin}/livez`, {
      signal: AbortSignal.timeout(2000),
    });
    return answer.ok ? '' : await answer.text();
  } catch {
    return '';
  }
}

/** Whether a node's store belongs to no cluster yet; false where it does not answer. */
export async function isBlank({ ports }: ProcessPlan): Promise<boolean> {
  const text = await textOf(ports.admin, '/state');
  return text !== null && (JSON.parse(text) as { clusterId: string }).clusterId === '';
}

/** What the leading coordinator says; null when none leads. */
export async function leadersView(coordinators: readonly ProcessPlan[]): Promise<ChainsView | null> {
  const texts = await Promise.all(coordinators.map(({ ports }) => textOf(ports.admin, '/state')));
  const views = texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as ChainsView]));
  return views.find((view) => view.leading) ?? null;
}

export interface CommandAnswer {
  readonly ok: boolean;
  readonly message: string;
}

/** An operator's command to a coordinator. */
export async function command({ ports }: ProcessPlan, body: object): Promise<CommandAnswer> {
  try {
    const response = await fetch(`http://${localHost}:${ports.admin}/commands`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(12_000),
    });
    return (await response.json()) as CommandAnswer;
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}

async function textOf(port: number, path: string): Promise<string | null> {
  try {
    const answer = await fetch(`http://${localHost}:${port}${path}`, { signal: AbortSignal.timeout(2000) });
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}
