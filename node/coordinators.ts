/** The links of a storage node to all coordinators; the core decides which of them it talks to. */
import type { FromCoordinator, Message, ToCoordinator } from '../protocol/messages.ts';
import type { Self } from '../transport/connection.ts';
import { connectLink, type Link } from '../transport/link.ts';
import type { Log } from '../transport/log.ts';

export interface CoordinatorLinksOptions {
  readonly addresses: readonly string[];
  readonly self: Self;
  readonly log: Log;
  readonly onLink: (address: string, up: boolean) => void;
  readonly onMessage: (address: string, message: FromCoordinator) => void;
}

export class CoordinatorLinks {
  readonly #links: ReadonlyMap<string, Link>;

  constructor({ addresses, self, log, onLink, onMessage }: CoordinatorLinksOptions) {
    const open = (address: string): Link =>
      connectLink({
        address,
        self,
        log,
        onUp: () => onLink(address, true),
        onDown: () => onLink(address, false),
        onMessages: (_, messages) => {
          for (const message of messages) if (isFromCoordinator(message)) onMessage(address, message);
        },
      });
    this.#links = new Map(addresses.map((address) => [address, open(address)]));
  }

  get up(): number {
    let up = 0;
    for (const link of this.#links.values()) if (link.up) up++;
    return up;
  }

  send(to: string, message: ToCoordinator): void {
    this.#links.get(to)?.send(message);
  }

  /** Sends what is queued. */
  close(): void {
    for (const link of this.#links.values()) link.close();
  }
}

const kinds: ReadonlySet<string> = new Set(['registered', 'grant', 'set', 'refused', 'routes']);

const isFromCoordinator = (message: Message): message is FromCoordinator => kinds.has(message.kind);
