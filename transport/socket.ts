/** The one place where sockets are made. */
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { ChainError } from '../protocol/errors.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port`; an IPv6 host stands in brackets. @throws ChainError BAD_REQUEST */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port < 1 || port > 65_535)
    throw new ChainError(
      'BAD_REQUEST',
      `"${text}" is no address; write host:port, for example 127.0.0.1:7000`,
    );
  return { host, port };
}

/** A socket that is connecting. The name is looked up at every attempt: a pod comes back with another address. */
export function openSocket(address: Address): Socket {
  return netConnect({ host: address.host, port: address.port, noDelay: true });
}

export function openListener(onSocket: (socket: Socket) => void): Server {
  return createServer({ noDelay: true }, onSocket);
}

/** Listens; resolves to the port, which the system chose for port 0. @throws ChainError UNAVAILABLE */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Says in one sentence why a port cannot be listened on, and what to do. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number): ChainError {
  const where = `port ${port} of ${host}`;
  const sentences: Record<string, string> = {
    EADDRINUSE: `${where} is already in use: stop the process that listens there, or choose another port`,
    EACCES: `${where} may not be used by this user: choose a port above 1023`,
    EADDRNOTAVAIL: `${host} is no address of this machine: listen on 0.0.0.0 or on an address that it has`,
  };
  const sentence = sentences[error.code ?? ''] ?? `${where} cannot be listened on: ${error.message}`;
  return new ChainError('UNAVAILABLE', sentence, { cause: error });
}

/** `host:port` of the other end, for logs. */
export const remoteOf = (socket: Socket): string =>
  `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
