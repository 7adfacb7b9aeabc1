/** Stands before the links of one process. Whose connection it is, its first frame says: Hello. */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { FrameCutter } from '../../transport/framing.ts';
import { decodeFrame } from '../../transport/wire.ts';
import { type Carried, clients, type Network } from './network.ts';
import { Pipe } from './pipe.ts';

export interface ProxyOptions {
  /** The process behind it. */
  readonly name: string;
  readonly network: Network;
  /** Where it listens; 0 = a free port. */
  readonly port: number;
  /** Port of the process, asked for at each connection. */
  readonly target: () => number;
}

export interface LinkProxy {
  readonly port: number;
  close(): Promise<void>;
}

const host = '127.0.0.1';
const helloBytesMax = 65_536;

/** @throws Error when the port is taken */
export async function startProxy(options: ProxyOptions): Promise<LinkProxy> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    listenForHello(socket, options);
  });
  const port = await listening(server, options.port);
  return { port, close: () => closing(server, open) };
}

/** Passes on what comes, whoever it is from. */
export async function startForward(port: number, target: number): Promise<LinkProxy> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    const behind = dial({ host, port: target });
    for (const [one, other] of [
      [socket, behind],
      [behind, socket],
    ] as const) {
      open.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  return { port: await listening(server, port), close: () => closing(server, open) };
}

function closing(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of open) socket.destroy();
  });
}

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

function listenForHello(socket: Socket, options: ProxyOptions): void {
  const chunks: Buffer[] = [];
  const cutter = new FrameCutter(
    helloBytesMax,
    (frame) => {
      const hello = decodeFrame(frame).messages[0];
      if (hello?.kind !== 'hello') {
        socket.destroy();
        return;
      }
      cutter.stop();
      socket.off('data', take);
      carry(socket, hello.name === '' ? clients : hello.name, chunks, options);
    },
    () => socket.destroy(),
  );
  const take = (bytes: Buffer): void => {
    chunks.push(bytes);
    try {
      cutter.push(bytes, bytes.length);
    } catch {
      socket.destroy();
    }
  };
  socket.on('data', take);
}

function carry(
  socket: Socket,
  from: string,
  begun: readonly Buffer[],
  { name, network, target }: ProxyOptions,
): void {
  if (network.isCut(from, name)) {
    socket.destroy();
    return;
  }
  const behind = dial({ host, port: target() });
  behind.setNoDelay(true);
  const there = new Pipe(socket, behind, network.path(from, name));
  const back = new Pipe(behind, socket, network.path(name, from));
  let halved = false;
  const carried: Carried = {
    from,
    to: name,
    look() {
      there.pump();
      back.pump();
    },
    destroy() {
      socket.destroy();
      behind.destroy();
    },
    halve() {
      halved = true;
      there.close();
      back.close();
      behind.pause();
      socket.destroy();
    },
  };
  network.carry(carried);
  for (const bytes of begun) there.push(bytes);
  const end = (): void => {
    there.close();
    back.close();
    network.forget(carried);
  };
  behind.on('error', () => {});
  socket.on('close', () => {
    if (halved) return;
    end();
    behind.destroy();
  });
  behind.on('close', () => {
    end();
    socket.destroy();
  });
}
