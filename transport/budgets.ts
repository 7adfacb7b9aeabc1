/**
 * What all connections of a process may keep in memory together: what is on its way out, and frames of which only a part
 * has arrived. Peers and clients have budgets of their own, so that slow clients never hold up a chain. A connection may
 * hold as much as its budget has left free, so that a slow one leaves room for the others.
 */
import type { Hello } from '../protocol/messages.ts';
import { transportLimits } from './limits.ts';

export class Budget {
  readonly limit: number;
  #used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  get room(): number {
    return this.limit - this.#used;
  }

  add(bytes: number): void {
    this.#used += bytes;
  }
}

export interface Budgets {
  /** Bytes on their way out. */
  readonly out: Budget;
  /** Bytes of frames that are not complete. */
  readonly partial: Budget;
  /** A connection may always queue this much. */
  readonly reserve: number;
}

export interface RoleBudgets {
  readonly client: Budgets;
  /** Storage nodes and coordinators. */
  readonly peer: Budgets;
}

export type BudgetLimits = Readonly<
  Record<
    'clientOutBytes' | 'clientPartialBytes' | 'peerOutBytes' | 'peerPartialBytes' | 'peerReserveBytes',
    number
  >
>;

export const makeBudgets = (l: BudgetLimits): RoleBudgets => ({
  client: { out: new Budget(l.clientOutBytes), partial: new Budget(l.clientPartialBytes), reserve: 0 },
  peer: {
    out: new Budget(l.peerOutBytes),
    partial: new Budget(l.peerPartialBytes),
    reserve: l.peerReserveBytes,
  },
});

/** Those of this process. */
export const processBudgets = makeBudgets(transportLimits);

export const budgetsFor = (role: Hello['role'], budgets: RoleBudgets): Budgets =>
  role === 'client' ? budgets.client : budgets.peer;
