import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect, constants } from 'node:http2';

// The thinnest clients there are: what they need of the two cores is missing to the server.

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
};

export type HttpClient = {
  /** One call of HTTP/1.1 with JSON, whatever it is answered. */
  send(method: string, path: string, headers: Record<string, string>, body?: object): Promise<Answer>;
  /** The same; throws unless it succeeds. */
  succeed(method: string, path: string, headers: Record<string, string>, body?: object): Promise<Answer>;
  close(): void;
};

export function createHttpClient(url: string): HttpClient {
  // Sooner than any server closes what is idle, which a call would run into.
  const agent = new Agent({ keepAlive: true, timeout: 4000 });
  const { hostname, port } = new URL(url);
  const send: HttpClient['send'] = (method, path, headers, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const sent = {
        ...headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      };
      const call = request({ agent, hostname, port, method, path, headers: sent }, (response) => {
        let received = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          received += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: received }),
        );
        response.on('error', reject);
      });
      call.on('error', reject);
      call.end(text);
    });
  return {
    send,
    succeed: async (method, path, headers, body) => {
      const answer = await send(method, path, headers, body);
      if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
      return answer;
    },
    close: () => agent.destroy(),
  };
}

export type GrpcClient = {
  /** One unary call of gRPC with an empty message; throws unless it succeeds. */
  call(procedure: string, headers: Record<string, string>): Promise<void>;
  close(): void;
};

const emptyMessage = Buffer.alloc(5);

export function createGrpcClient(url: string): GrpcClient {
  let session: ClientHttp2Session = connect(url);
  // The server ends a session that was idle for a minute.
  const live = () => {
    if (session.closed || session.destroyed) session = connect(url);
    return session;
  };
  return {
    call: (procedure, headers) =>
      new Promise((resolve, reject) => {
        const stream = live().request({
          [constants.HTTP2_HEADER_METHOD]: 'POST',
          [constants.HTTP2_HEADER_PATH]: `/${procedure}`,
          'content-type': 'application/grpc+proto',
          te: 'trailers',
          ...headers,
        });
        let status: unknown;
        stream.on('trailers', (trailers) => {
          status = trailers['grpc-status'];
        });
        stream.on('error', reject);
        stream.on('end', () => (status === '0' ? resolve() : reject(new Error(`grpc-status ${status}`))));
        stream.resume();
        stream.end(emptyMessage);
      }),
    close: () => session.close(),
  };
}
