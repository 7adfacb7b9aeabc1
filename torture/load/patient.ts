/** Asks one member until it answers: without a lease at this moment it refuses, and answers a little later. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChainError } from '../../client/index.ts';

const attempts = 200;
const pauseMs = 50;

/** @throws ChainError of the last attempt */
export async function patient<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++)
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ChainError) || attempt === attempts) throw error;
      await sleep(pauseMs);
    }
}
