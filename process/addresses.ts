/** How addresses of one process follow from each other: links at a port, gRPC one above it, the admin server two above. */
import { parseAddress } from '../transport/socket.ts';

/** Where the coordinator with these links answers gRPC. @throws ChainError BAD_REQUEST */
export const grpcAddressOf = (links: string): string => shifted(links, 1);

function shifted(links: string, by: number): string {
  const { host, port } = parseAddress(links);
  return joinAddress(host, port + by);
}

export const joinAddress = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
