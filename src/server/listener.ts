import type http from 'node:http';
import type http2 from 'node:http2';
import { constants } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { createServer } from '@httptoolkit/httpolyglot';

export type ListenerOptions = {
  readonly host: string;
  readonly port: number;
  /** PEM texts; without them the port speaks cleartext HTTP/1.1 and h2c. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Limit of connections of one address (R56). */
  readonly maxConnectionsPerAddress: number;
  /** Lifetime of an idle connection, in milliseconds: longer than that of the balancer in front. */
  readonly keepAliveMs: number;
};

/** The limits of R56. */
const limits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
  maxHeaderBytes: 16 * 1024,
  maxHeaderPairs: 64,
  maxRequestsPerSocket: 1000,
  maxConcurrentStreams: 100,
  streamResetBurst: 200,
  streamResetRate: 33,
  sessionCloseMs: 5000,
  greetingMs: 10_000,
  tlsHandshakeMs: 10_000,
  drainMs: 25_000,
} as const;

export type Listener = {
  readonly port: number;
  /** From now on every answer over HTTP/1.1 is the last one of its connection. */
  drain(): void;
  /** Stops accepting, lets running calls end within the drain time, then closes everything. */
  close(): Promise<void>;
};

export type RequestHandler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** One port for HTTP/1.1 and HTTP/2, by preface in cleartext and by ALPN under TLS. */
export async function listen(options: ListenerOptions, handle: RequestHandler): Promise<Listener> {
  let draining = false;
  const server = createServer(
    {
      http: {
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        maxHeaderSize: limits.maxHeaderBytes,
        connectionsCheckingInterval: 1000,
      },
      http2: {
        settings: {
          maxConcurrentStreams: limits.maxConcurrentStreams,
          maxHeaderListSize: limits.maxHeaderBytes,
        },
        maxHeaderListPairs: limits.maxHeaderPairs,
        streamResetBurst: limits.streamResetBurst,
        streamResetRate: limits.streamResetRate,
      },
      ...(options.tls === undefined
        ? {}
        : {
            tls: {
              ...options.tls,
              ALPNProtocols: ['h2', 'http/1.1'],
              handshakeTimeout: limits.tlsHandshakeMs,
            },
          }),
    },
    (request: http.IncomingMessage, response: http.ServerResponse) => {
      if (draining && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
      handle(request, response);
    },
  );

  // httpolyglot hands sockets to its own HTTP/1 server and has no option for
  // these two; and since that server never listens itself, it would never start the
  // timer that enforces its time-outs.
  const { _httpServer: http1 } = server as unknown as { _httpServer: http.Server };
  http1.maxRequestsPerSocket = limits.maxRequestsPerSocket;
  // One more than the handler accepts: it responds where Node would cut the headers off in silence.
  http1.maxHeadersCount = limits.maxHeaderPairs + 1;
  http1.keepAliveTimeout = options.keepAliveMs;
  http1.emit('listening');

  const sockets = boundConnections(server, options.maxConnectionsPerAddress);
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session: http2.ServerHttp2Session) => {
    sessions.add(session);
    session.setTimeout(options.keepAliveMs, () => {
      session.close();
      // A stream that never ends would keep the session open.
      setTimeout(() => session.destroy(), limits.sessionCloseMs).unref();
    });
    session.once('close', () => sessions.delete(session));
    session.on('error', () => session.destroy());
  });

  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    const timer = setTimeout(() => {
      if (!stream.readableEnded) stream.close(constants.NGHTTP2_CANCEL);
    }, limits.requestTimeoutMs);
    stream.once('close', () => clearTimeout(timer));
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });

  return {
    port: (server.address() as AddressInfo).port,
    drain: () => {
      draining = true;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      http1.closeIdleConnections();
      for (const session of sessions) session.close();
      const deadline = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, limits.drainMs);
      // Connections that only become idle now would otherwise be kept alive.
      const sweep = setInterval(() => http1.closeIdleConnections(), 50);
      await closed;
      clearTimeout(deadline);
      clearInterval(sweep);
      http1.close();
    },
  };
}

/** Ports that are tried after one that is taken. */
const nearbyPorts = 20;

/** Listens on a port, or where it is taken and `mayMove` on the next one that is free. */
export async function listenNear(
  options: ListenerOptions,
  handle: RequestHandler,
  mayMove: boolean,
): Promise<Listener> {
  const last = options.port + (mayMove ? nearbyPorts : 0);
  for (let port = options.port; ; port += 1) {
    try {
      return await listen({ ...options, port }, handle);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || port >= last) throw error;
    }
  }
}

/** Refuses more connections than one address may hold; returns the set of open ones. */
function boundConnections(server: ReturnType<typeof createServer>, maxPerAddress: number): Set<Socket> {
  const open = new Set<Socket>();
  const perAddress = new Map<string, number>();
  /** Sockets that have not yet said what they speak. */
  const silent = new WeakMap<Socket, NodeJS.Timeout>();
  server.on('connection', (socket: Socket) => {
    // The stream inside a TLS connection is not a second connection.
    if (socket instanceof TLSSocket) return;
    // gRPC's small frames would each wait some 40 ms for the one before to be acknowledged.
    socket.setNoDelay(true);
    if (open.has(socket)) {
      // The server that receives it emits it again, with its own time-outs.
      clearTimeout(silent.get(socket));
      return;
    }
    const greeting = setTimeout(() => socket.destroy(), limits.greetingMs);
    silent.set(socket, greeting);
    socket.once('close', () => clearTimeout(greeting));
    const address = socket.remoteAddress ?? '';
    const count = (perAddress.get(address) ?? 0) + 1;
    open.add(socket);
    perAddress.set(address, count);
    socket.once('close', () => {
      open.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
    if (count > maxPerAddress) socket.destroy();
  });
  return open;
}
