/**
 * The one place where sockets are made. All of them read into one buffer of the process: a buffer for each read, as 'data'
 * events bring it, is memory outside the heap that is asked for, cut, and collected again.
 */
import {
  createServer,
  connect as netConnect,
  type OnReadOpts,
  type Server,
  Socket,
  type SocketConstructorOpts,
} from 'node:net';
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

/** A socket, and who takes what it receives: the first `count` bytes, which are others after the call. */
export interface Channel {
  readonly socket: Socket;
  onBytes: (bytes: Buffer, count: number) => void;
}

const received = Buffer.allocUnsafeSlow(65_536);

/** Makes a channel of a socket that reads with the given option. */
function channelOf(open: (onread: OnReadOpts) => Socket): Channel {
  const callback = (count: number): boolean => {
    channel.onBytes(received, count);
    return true;
  };
  const channel: Channel = { socket: open({ buffer: received, callback }), onBytes: () => {} };
  return channel;
}

/** A socket that is connecting. The name is looked up at every attempt: a pod comes back with another address. */
export function openChannel({ host, port }: Address): Channel {
  return channelOf((onread) => netConnect({ host, port, noDelay: true, onread }));
}

export function openListener(onChannel: (channel: Channel) => void): Server {
  return createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => onChannel(adopt(accepted)));
}

/** The part of a socket that Node gives no other name: its end of the connection. */
interface Handled {
  _handle: unknown;
}

/**
 * Only who makes a socket can say into what it reads: this one is made again, around the same connection. Where a Node
 * does not have that end any more, the socket reads as others do.
 */
function adopt(accepted: Socket): Channel {
  const { _handle: handle } = accepted as unknown as Handled;
  if (typeof handle !== 'object' || handle === null) return plainChannel(accepted);
  (accepted as unknown as Handled)._handle = null;
  const channel = channelOf(
    (onread) => new Socket({ handle, onread } as SocketConstructorOpts & { handle: unknown }),
  );
  // The server counts the one that it accepted.
  channel.socket.once('close', () => accepted.destroy());
  return channel;
}

/** A channel of a socket that brings its own buffers. */
export function plainChannel(socket: Socket): Channel {
  const channel: Channel = { socket, onBytes: () => {} };
  socket.on('data', (bytes) => channel.onBytes(bytes, bytes.length));
  socket.resume();
  return channel;
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
