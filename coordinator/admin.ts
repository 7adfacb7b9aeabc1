/** The admin server of a coordinator: health, metrics, the view of the cluster, and orders of people. */
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { type AdminServer, startAdmin } from '../process/admin.ts';
import type { CoordinatorCommand } from '../protocol/coordinator/contract.ts';
import { nodeName, slot } from '../protocol/words.ts';
import type { CoordinatorHost } from './host.ts';

export interface CoordinatorAdminOptions {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** null = it has not begun yet. */
  readonly coordinator: () => CoordinatorHost | null;
  /** Orders may change or give up data: without this they are taken from this machine only. */
  readonly remoteCommands: boolean;
}

const starting = 'the coordinator is starting';

export function startCoordinatorAdmin(options: CoordinatorAdminOptions): Promise<AdminServer> {
  const { host, port, registry, coordinator } = options;
  return startAdmin({
    host,
    port,
    registry,
    live: () => '',
    ready: () => coordinator()?.trouble ?? starting,
    state: () => coordinator()?.view() ?? { waiting: starting },
    extend: (server) => takeCommands(server, options),
  });
}

/** POST /commands with `{"kind":"drain","node":"n1"}` and the like; `protocol/coordinator/contract.ts` lists them. */
function takeCommands(
  server: FastifyInstance,
  { coordinator, remoteCommands }: CoordinatorAdminOptions,
): void {
  server.post('/commands', async (request, reply) => {
    if (!remoteCommands && !isLoopback(request.ip))
      return reply.code(403).send({
        ok: false,
        message:
          'commands are taken from this machine only; run chainctl there (kubectl exec or port-forward), or start the coordinator with --remote-commands',
      });
    const command = commandOf(request.body);
    if (typeof command === 'string') return reply.code(400).send({ ok: false, message: command });
    const running = coordinator();
    if (running === null) return reply.code(503).send({ ok: false, message: starting });
    const result = await running.command(command);
    const { leading, leader } = running.view();
    return reply.code(result.ok ? 200 : 409).send({ ...result, leading, leader });
  });
}

const isLoopback = (ip: string): boolean => ip === '::1' || /^(::ffff:)?127\./.test(ip);

const isSlotNumber = (n: unknown): n is number => Number.isSafeInteger(n) && Number(n) >= 0;

/** A sentence when it is none. */
function commandOf(body: unknown): CoordinatorCommand | string {
  const c = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const node = typeof c.node === 'string' && c.node !== '' ? nodeName(c.node) : null;
  switch (c.kind) {
    case 'drain':
    case 'undrain':
      return node === null ? `${c.kind} needs "node": the name of a storage node` : { kind: c.kind, node };
    case 'override': {
      if (node === null || !isSlotNumber(c.slot))
        return 'override needs "slot", a whole number, and "node", a member of its chain';
      return { kind: 'override', slot: slot(c.slot), node };
    }
    case 'recover': {
      const giveUp = c.giveUp ?? [];
      if (typeof c.clusterId !== 'string' || c.clusterId === '')
        return 'recover needs "clusterId": the id that the nodes report';
      if (!Array.isArray(giveUp) || giveUp.some((n) => typeof n !== 'string'))
        return 'recover takes "giveUp": a list of the names of nodes that never come back';
      const giveUpSlots = c.giveUpSlots ?? [];
      if (!Array.isArray(giveUpSlots) || !giveUpSlots.every(isSlotNumber))
        return 'recover takes "giveUpSlots": a list of the numbers of slots that may begin anew, empty';
      return {
        kind: 'recover',
        clusterId: c.clusterId,
        giveUp: giveUp.map(nodeName),
        giveUpSlots: giveUpSlots.map(slot),
      };
    }
    default:
      return 'the body must be {"kind": "drain" | "undrain" | "override" | "recover", ...}';
  }
}
