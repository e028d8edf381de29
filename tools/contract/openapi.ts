import type { DescMethod } from '@bufbuild/protobuf';
import { type Contract, commentOf, reasonsOf, routesOf } from './contract.ts';
import { connectOperation, restOperation } from './openapi-operations.ts';
import { connectFailureSchema, failureSchema, oauthFailureSchema, securitySchemes } from './openapi-parts.ts';
import { createSchemas, type Schema } from './schemas.ts';

type Json = Record<string, unknown>;

const about = `The identity service that other products rent, as REST and JSON over HTTP. The same calls in Connect's JSON form
are described in /openapi.connect.json; gRPC and gRPC-Web are at the same paths as those and, where the server has it on, described by
reflection.

A failure carries a stable \`reason\`; texts follow \`Accept-Language\` (English and Persian) and may change.`;

const aboutConnect = `The calls of the identity service in Connect's JSON form (https://connectrpc.com/docs/protocol), which generated
clients speak. What they do is described in /openapi.json, under the same operation ids.`;

/**
 * The description of the REST API: one operation for each call, at its first address. The others, which older clients use, stand
 * beside it as \`x-aliases\`.
 */
export function createOpenApi(contract: Contract, version: string): Json {
  const schemas = createSchemas('rest', contract.services);
  const paths: Record<string, Json> = {};
  for (const method of callsOf(contract)) {
    const [route, ...others] = routesOf(method);
    if (route === undefined) continue;
    const { httpMethod, path } = route;
    const operation = restOperation(method, route, schemas, contract.reasons);
    const aliases = others.map((each) => `${each.httpMethod} ${each.path}`);
    paths[path] = {
      ...paths[path],
      [httpMethod.toLowerCase()]: { ...operation, ...(aliases.length > 0 && { 'x-aliases': aliases }) },
    };
  }
  return documentOf(contract, version, about, paths, {
    ...Object.fromEntries(schemas.components),
    Failure: failureSchema(contract.reasons),
    OAuthFailure: oauthFailureSchema,
  });
}

/** The description of the same calls over Connect. */
export function createConnectOpenApi(contract: Contract, version: string): Json {
  const schemas = createSchemas('connect', contract.services);
  const paths = Object.fromEntries(
    callsOf(contract).map((method) => [
      `/${method.parent.typeName}/${method.name}`,
      { post: connectOperation(method, schemas, reasonsOf(method, contract.reasons)) },
    ]),
  );
  return documentOf(contract, version, aboutConnect, paths, {
    ...Object.fromEntries(schemas.components),
    ConnectFailure: connectFailureSchema,
  });
}

/** The calls that OpenAPI has words for: none for the frames of a stream, which docs/event-log.md describes. */
function callsOf({ services }: Contract): DescMethod[] {
  return services.flatMap(({ methods }) => methods).filter(({ methodKind }) => methodKind === 'unary');
}

function documentOf(
  { services }: Contract,
  version: string,
  description: string,
  paths: Record<string, Json>,
  schemas: Record<string, Schema>,
): Json {
  const license = { name: 'Apache-2.0', identifier: 'Apache-2.0' };
  return {
    openapi: '3.1.1',
    info: { title: 'Manam', version, description, license },
    servers: [{ url: '/' }],
    tags: services.map((service) => ({ name: service.name, description: commentOf(service) })),
    paths,
    components: { securitySchemes, schemas: referred(paths, schemas) },
  };
}

/** The schemas that some operation leads to. Over REST a request with a part in its path has none of its own. */
function referred(paths: Record<string, Json>, schemas: Record<string, Schema>): Record<string, Schema> {
  const found = new Set<string>();
  const look = (part: unknown) => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (found.has(name)) continue;
      found.add(name);
      look(schemas[name]);
    }
  };
  look(paths);
  return Object.fromEntries(Object.entries(schemas).filter(([name]) => found.has(name)));
}
