import type { DescService } from '@bufbuild/protobuf';
import { type Client, createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { createConnectTransport as createBrowserTransport } from '@connectrpc/connect-web';
import { createTransport as createGrpcJsTransport } from '../../src/clients/grpc.ts';

export type HeaderValues = Record<string, string>;

/** One way to call the real server. */
export type Protocol = {
  readonly name: string;
  connect<S extends DescService>(service: S, url: string, headers: HeaderValues): Client<S>;
};

function withHeaders(headers: HeaderValues): Interceptor {
  return (next) => (request) => {
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
    return next(request);
  };
}

function viaTransport(
  name: string,
  transport: (baseUrl: string, interceptors: Interceptor[]) => Transport,
): Protocol {
  return {
    name,
    connect: (service, url, headers) => createClient(service, transport(url, [withHeaders(headers)])),
  };
}

const http = ['1.1', '2'] as const;
const codecs = [
  { codec: 'JSON', useBinaryFormat: false },
  { codec: 'Protobuf', useBinaryFormat: true },
] as const;

/** Every protocol and codec over every HTTP version that carries it, a browser's client and a back-end's included. */
export const protocols: readonly Protocol[] = [
  ...http.flatMap((httpVersion) =>
    codecs.flatMap(({ codec, useBinaryFormat }) => [
      viaTransport(`Connect, ${codec}, HTTP/${httpVersion}`, (baseUrl, interceptors) =>
        createConnectTransport({ baseUrl, httpVersion, useBinaryFormat, interceptors }),
      ),
      viaTransport(`gRPC-Web, ${codec}, HTTP/${httpVersion}`, (baseUrl, interceptors) =>
        createGrpcWebTransport({ baseUrl, httpVersion, useBinaryFormat, interceptors }),
      ),
    ]),
  ),
  ...codecs.map(({ codec, useBinaryFormat }) =>
    viaTransport(`gRPC, ${codec}, HTTP/2`, (baseUrl, interceptors) =>
      createGrpcTransport({ baseUrl, useBinaryFormat, interceptors }),
    ),
  ),
  viaTransport('Connect-Web, fetch', (baseUrl, interceptors) =>
    createBrowserTransport({ baseUrl, interceptors }),
  ),
  {
    name: 'gRPC by @grpc/grpc-js',
    connect: (service, url, headers) => {
      const transport = createGrpcJsTransport({ url, timeoutMs: 15_000 });
      const withAll = (header: ConstructorParameters<typeof Headers>[0]) => ({
        ...headers,
        ...Object.fromEntries(new Headers(header)),
      });
      const stream: Transport['stream'] = (method, signal, timeoutMs, header, ...rest) =>
        transport.stream(method, signal, timeoutMs, withAll(header), ...rest);
      const unary: Transport['unary'] = (method, signal, timeoutMs, header, ...rest) =>
        transport.unary(method, signal, timeoutMs, withAll(header), ...rest);
      return createClient(service, { ...transport, unary, stream });
    },
  },
];
