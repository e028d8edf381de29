import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { rest_method } from '../../gen/manam/options/v1/rest_pb.js';
import {
  accessInWords,
  accessOf,
  type Contract,
  commentOf,
  type ErrorReason,
  reasonsOf,
  routesOf,
} from './contract.ts';
import {
  connectFailureSchema,
  failureSchema,
  failures,
  oauthFailureSchema,
  securityOf,
  securitySchemes,
} from './openapi-parts.ts';
import { loadSamples } from './samples.ts';
import { createSchemas, type Schema, type Schemas, spellingOf } from './schemas.ts';

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
  const samplesOf = loadSamples();
  const paths: Record<string, Json> = {};
  for (const method of callsOf(contract)) {
    const [route, ...others] = routesOf(method);
    if (route === undefined) continue;
    const { httpMethod, path } = route;
    const operation = restOperation(method, route, schemas, contract.reasons, samplesOf(httpMethod, path));
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

/** "SendConfirmSms" as "Send confirm SMS". */
function wordsOf(name: string): string {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(' ')
    .map((word, index) => acronyms.get(word.toLowerCase()) ?? (index === 0 ? word : word.toLowerCase()));
  return words.join(' ');
}

const acronyms = new Map(
  ['SMS', 'TOTP', 'QR', 'OAuth', 'OpenID', 'Manam', 'Google'].map((word) => [word.toLowerCase(), word]),
);

function describeMethod(method: DescMethod): Json {
  const comment = commentOf(method);
  const { idempotencyKey } = accessOf(method);
  return {
    tags: [method.parent.name],
    operationId: method.localName,
    summary: wordsOf(method.name),
    description: `${comment}\n\nNeeds ${accessInWords(accessOf(method))}.`,
    security: securityOf(method),
    parameters: idempotencyKey ? [idempotencyParameter] : [],
  };
}

const idempotencyParameter = {
  name: 'idempotency-key',
  in: 'header',
  description: 'The same key with the same request gets the same answer for 24 hours.',
  schema: { type: 'string', maxLength: 128 },
};

function restOperation(
  method: DescMethod,
  { httpMethod, path }: { readonly httpMethod: string; readonly path: string },
  schemas: Schemas,
  all: readonly ErrorReason[],
  examples: Json,
): Json {
  const reasons = reasonsOf(method, all);
  const operation = describeMethod(method);
  const { rawBody, successMessage, successLocation, oauth, successStatus } = getOption(method, rest_method);
  const inPath = new Set([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
  const spelled = spellingOf(method.input);
  const properties = schemas.propertiesOf(method.input);
  const pathParameters = [...inPath].map((fieldName) => {
    const name = spelled.byProtoName.get(fieldName ?? '')?.name ?? '';
    const { description, ...schema } = properties[name] ?? {};
    return {
      name: fieldName,
      in: 'path',
      required: true,
      schema,
      ...(description !== undefined && { description }),
    };
  });
  const headers = spelled.fields
    .filter(({ header }) => header !== '')
    .map(({ header, name }) => ({
      name: header,
      in: 'header',
      description: `Another place for \`${name}\`.`,
      schema: { type: 'string' },
    }));
  const rest = Object.entries(properties).filter(
    ([name]) => ![...inPath].some((field) => spelled.byProtoName.get(field ?? '')?.name === name),
  );
  const hasBody = httpMethod === 'POST';
  // The fields of a call of OAuth are credentials, which never stand in an address.
  const isBare = hasBody || oauth;
  const query = isBare
    ? []
    : rest.map(([name, { description, ...schema }]) => ({
        name,
        in: 'query',
        schema,
        ...(description !== undefined && { description }),
      }));
  const body: Schema =
    inPath.size === 0
      ? { ...schemas.refer(method.input), unevaluatedProperties: false }
      : { type: 'object', properties: Object.fromEntries(rest), additionalProperties: oauth };
  const json = { schema: body, ...(Object.keys(examples).length > 0 && { examples }) };
  const answer = {
    allOf: [
      schemas.refer(method.output),
      {
        type: 'object',
        properties: {
          status: { const: 'success' },
          ...(successMessage !== undefined && {
            message: { type: 'string', description: successMessage.en },
          }),
          ...(successLocation !== '' && {
            location: { type: 'string', description: 'The path of the next step.' },
          }),
        },
      },
    ],
    unevaluatedProperties: false,
  };
  // The members that are set, with those of `claims` beside them (RFC 6749, section 5.1).
  const oauthAnswer = { type: 'object', properties: schemas.propertiesOf(method.output) };
  return {
    ...operation,
    parameters: [...pathParameters, ...query, ...headers, ...(operation['parameters'] as Json[])],
    ...(hasBody && {
      requestBody: {
        content: { 'application/json': json, 'application/x-www-form-urlencoded': { schema: body } },
      },
    }),
    responses: {
      [successStatus || 200]: rawBody
        ? { description: 'The image.', content: { 'image/png': {} } }
        : { description: 'Done.', content: { 'application/json': { schema: oauth ? oauthAnswer : answer } } },
      ...failures(hasBody ? withBodyReasons(reasons, all) : reasons, oauth ? 'OAuthFailure' : 'Failure'),
    },
  };
}

/** The reasons to reject a REST body before it is a message. */
function withBodyReasons(reasons: readonly ErrorReason[], all: readonly ErrorReason[]): ErrorReason[] {
  const names = new Set(['BODY_MALFORMED', 'BODY_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED']);
  return [...reasons, ...all.filter(({ name }) => names.has(name))];
}

function connectOperation(method: DescMethod, schemas: Schemas, reasons: readonly ErrorReason[]): Json {
  const json = (schema: Schema) => ({ content: { 'application/json': { schema } } });
  return {
    ...describeMethod(method),
    requestBody: json({ ...schemas.refer(method.input), unevaluatedProperties: false }),
    responses: {
      200: { description: 'Done.', ...json(schemas.refer(method.output)) },
      ...failures(reasons, 'ConnectFailure'),
    },
  };
}
