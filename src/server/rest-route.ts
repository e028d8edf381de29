import { getOption, hasOption } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import { rest_enum_value, rest_field, rest_method } from '../../gen/manam/options/v1/rest_pb.js';
import type { SpellingOptions } from '../rest/spelling.ts';
import { createTranscoder } from '../rest/transcoder.ts';
import { contextValuesOf } from '../rpc/context.ts';
import type { ErrorMapper } from './error-mapper.ts';
import type { Route } from './handler.ts';
import { boundsInterceptor } from './input-bounds.ts';
import { lateBodyInterceptor } from './interceptors.ts';
import { createDialect } from './rest-dialect.ts';
import { maxMessageBytes, type RpcOptions, routerOptions } from './rpc-route.ts';

/** How the contract spells itself over REST. */
export const restSpelling: SpellingOptions = {
  field: (field) => getOption(field, rest_field),
  enumValue: (value) => (hasOption(value, rest_enum_value) ? getOption(value, rest_enum_value) : undefined),
};

export type RestOptions = {
  readonly rpc: RpcOptions;
  readonly mapError: ErrorMapper;
  readonly routes: (router: ConnectRouter) => void;
  /** Where the routes are mounted. */
  readonly prefixes: readonly string[];
};

/** Serves REST/JSON, and returns whatever no other route has taken. */
export function createRestRoute({ rpc, mapError, routes, prefixes }: RestOptions): Route {
  const transcode = createTranscoder({
    routes,
    router: routerOptions(rpc, []),
    // The interceptors of all protocols run before the body is read here.
    inner: [boundsInterceptor, lateBodyInterceptor],
    spelling: restSpelling,
    method: (method) => getOption(method, rest_method),
    dialect: createDialect(mapError),
    prefixes,
    maxBodyBytes: maxMessageBytes,
  });
  return async (request, response, info) => {
    info.protocol = 'rest';
    await transcode(request, response, contextValuesOf(info));
    return 'answered';
  };
}
