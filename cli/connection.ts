/** The client of a command: connected for as long as the command runs. */
import { ChainError, type Client, connect } from '../client/index.ts';
import type { Settings } from './settings.ts';

export async function withClient<T>(settings: Settings, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectTo(settings);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

async function connectTo({ endpoints, endpointsFrom, clusterId, timeoutMs }: Settings): Promise<Client> {
  try {
    return await connect({ endpoints, clusterId, timeoutMs, connectMs: Math.min(timeoutMs, 5000) });
  } catch (error) {
    if (!(error instanceof ChainError) || error.code !== 'UNAVAILABLE') throw error;
    const hint = `The endpoints are from ${endpointsFrom}; start a cluster with npm start, or name one with --endpoints`;
    throw new ChainError(error.code, `${error.message} ${hint}`, { cause: error, outcome: 'definite' });
  }
}
