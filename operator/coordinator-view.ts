import { request } from 'node:http';
import type { Pod } from './objects/kinds.ts';
import { ports } from './objects/names.ts';

/** What the leading coordinator says about the cluster. Read only: the coordinator owns the chains. */
export interface CoordinatorView {
  /** Pod that leads. */
  leader: string;
  epoch: number;
  /** Of the state that it leads with. */
  clusterId: string;
  chains: ChainView[];
  nodes: NodeView[];
}

export interface ChainView {
  slot: number;
  version: number;
  /** Head first, tail last. */
  members: { node: string; role: string; serving: boolean }[];
  /** Has as many serving members as the replication factor asks for. */
  full: boolean;
}

export interface NodeView {
  name: string;
  /** healthy, suspect, dead, ... as the coordinator calls it. */
  status: string;
  /** Chains that it is a member of, or is joining. */
  chains: number;
  admitted: boolean;
  draining: boolean;
}

/** A coordinator could lead, but its state is gone, damaged or older than what nodes hold: it waits for people. */
export interface StateLost {
  /** Pod of the coordinator that waits. */
  coordinator: string;
  /** A sentence of the coordinator. */
  message: string;
  /** Cluster that the nodes say they belong to, '' = none was heard. */
  clusterId: string;
}

export type ViewAnswer =
  | { is: 'known'; view: CoordinatorView }
  | { is: 'unknown'; because: string; lost?: StateLost };

export interface CoordinatorViews {
  /** Asks these coordinator pods. Never rejects: not knowing is an answer that each step must deal with. */
  ask(pods: readonly Pod[], stop?: AbortSignal): Promise<ViewAnswer>;
}

/** An answer as it came. @throws Error when none came in time. */
export type Fetch = (url: string, stop: AbortSignal) => Promise<{ status: number; text: string }>;

const timeoutMs = 2_000;
const bytesMax = 32 * 1_048_576;

/** Asks every coordinator at once over HTTP and believes the one that says it leads, at the highest epoch. */
export function httpCoordinatorViews(fetch: Fetch = fetchOverHttp): CoordinatorViews {
  return {
    async ask(pods, stop) {
      const reachable = pods.filter((pod) => pod.status?.podIP !== undefined);
      if (reachable.length === 0) return { is: 'unknown', because: 'no coordinator pod has an address yet' };
      const answers = await Promise.allSettled(reachable.map((pod) => askOne(pod, fetch, stop)));
      const own = answers.flatMap((answer, index) => {
        const said = answer.status === 'fulfilled' ? answer.value : undefined;
        return said !== undefined && said.name === reachable[index]?.metadata.name ? [said] : [];
      });
      const leading = own.filter((said) => said.leading).sort((a, b) => b.view.epoch - a.view.epoch)[0];
      if (leading !== undefined) return { is: 'known', view: leading.view };
      const lost = own.find((said) => said.lost !== undefined)?.lost;
      if (lost !== undefined) return { is: 'unknown', because: lost.message, lost };
      const trouble = own.find((said) => said.trouble !== '')?.trouble;
      return { is: 'unknown', because: trouble ?? whyUnknown(answers) };
    },
  };
}

function whyUnknown(answers: PromiseSettledResult<Said>[]): string {
  const failed = answers.filter((answer) => answer.status === 'rejected');
  if (failed.length < answers.length) return 'no coordinator says that it leads';
  const why = failed[0]?.reason;
  return `no coordinator answers (${why instanceof Error ? why.message : String(why)})`;
}

async function askOne(pod: Pod, fetch: Fetch, stop: AbortSignal | undefined): Promise<Said> {
  const limit = AbortSignal.timeout(timeoutMs);
  const host = pod.status?.podIP ?? '';
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${ports.coordinator.admin}/state`;
  const { status, text } = await fetch(url, stop === undefined ? limit : AbortSignal.any([limit, stop]));
  if (status !== 200) throw new Error(`${pod.metadata.name} answered ${status} to /state`);
  return parseSaid(JSON.parse(text));
}

/**
 * One connection for each question: coordinators are many and asked seldom. Not the global fetch, which would keep its
 * own HTTP client beside the one that is loaded anyway, at 14 MB.
 */
function fetchOverHttp(url: string, stop: AbortSignal): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const asked = request(url, { agent: false, signal: stop }, (answer) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    answer.on('error', reject);
    answer.on('data', (part: Buffer) => {
      parts.push(part);
      bytes += part.length;
      if (bytes > bytesMax) answer.destroy(new Error(`the answer is larger than ${bytesMax} bytes`));
    });
    answer.on('end', () =>
      resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
    );
  });
  asked.on('error', reject);
  asked.end();
  return promise;
}

/** What /state of one coordinator says. */
export interface Said {
  name: string;
  leading: boolean;
  view: CoordinatorView;
  lost: StateLost | undefined;
  /** Why it cannot lead, in a sentence; '' = nothing that people must mend. */
  trouble: string;
}

/** @throws Error naming the first field that is not what it should be. */
export function parseSaid(value: unknown): Said {
  const at = (field: string) => new Error(`/state: field ${field} is missing or of the wrong type`);
  const text = (v: unknown, field: string): string => {
    if (typeof v !== 'string') throw at(field);
    return v;
  };
  const count = (v: unknown, field: string): number => {
    if (typeof v !== 'number' || !Number.isSafeInteger(v) || v < 0) throw at(field);
    return v;
  };
  const flag = (v: unknown, field: string): boolean => {
    if (typeof v !== 'boolean') throw at(field);
    return v;
  };
  const object = (v: unknown, field: string): Record<string, unknown> => {
    if (typeof v !== 'object' || v === null || Array.isArray(v)) throw at(field);
    return v as Record<string, unknown>;
  };
  const list = (v: unknown, field: string): Record<string, unknown>[] => {
    if (!Array.isArray(v)) throw at(field);
    return v.map((item) => object(item, field));
  };
  const state = object(value, '(the whole)');
  const name = text(state.name, 'name');
  return {
    name,
    leading: flag(state.leading, 'leading'),
    view: {
      leader: name,
      epoch: count(state.epoch, 'epoch'),
      clusterId: text(state.clusterId, 'clusterId'),
      chains: list(state.chains, 'chains').map((chain, i) => ({
        slot: count(chain.slot, `chains[${i}].slot`),
        version: count(chain.version, `chains[${i}].version`),
        full: flag(chain.full, `chains[${i}].full`),
        members: list(chain.members, `chains[${i}].members`).map((member, j) => ({
          node: text(member.node, `chains[${i}].members[${j}].node`),
          role: text(member.role, `chains[${i}].members[${j}].role`),
          serving: text(member.state, `chains[${i}].members[${j}].state`) === 'serving',
        })),
      })),
      nodes: list(state.nodes, 'nodes').map((node, i) => ({
        name: text(node.node, `nodes[${i}].node`),
        status: text(node.status, `nodes[${i}].status`),
        chains: count(node.chains, `nodes[${i}].chains`),
        admitted: flag(node.admitted, `nodes[${i}].admitted`),
        draining: flag(node.draining, `nodes[${i}].draining`),
      })),
    },
    ...troubleOf(state.trouble),
  };

  function troubleOf(trouble: unknown): Pick<Said, 'lost' | 'trouble'> {
    // Older coordinators know no trouble, newer ones may know others.
    if (trouble === undefined || trouble === null) return { lost: undefined, trouble: '' };
    const t = object(trouble, 'trouble');
    const message = text(t.message, 'trouble.message');
    const clusterId = text(t.clusterId, 'trouble.clusterId');
    const isLost = text(t.reason, 'trouble.reason') === 'StateLost';
    return { lost: isLost ? { coordinator: name, message, clusterId } : undefined, trouble: message };
  }
}

/** Chains of which `node` is the only serving member: taking it away would make them unavailable or lose them. */
export function chainsResting(view: CoordinatorView, node: string): ChainView[] {
  return view.chains.filter(
    ({ members }) =>
      members.some((member) => member.node === node) &&
      !members.some((member) => member.node !== node && member.serving),
  );
}

/** Whether the coordinator has nothing on this node, and will put nothing there. */
export function isEmptied(view: CoordinatorView, node: string): boolean {
  // Chains come from saved state, nodes from who is heard: a leader that has just begun may not know a node yet.
  if (view.chains.some(({ members }) => members.some((member) => member.node === node))) return false;
  const known = view.nodes.find(({ name }) => name === node);
  return known === undefined || (known.draining && known.chains === 0);
}
