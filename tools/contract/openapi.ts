import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { KeyKind } from '../../gen/manam/options/v1/access_pb.js';
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
import { loadSamples } from './samples.ts';
import { createSchemas, type Schema, type Schemas, spellingOf } from './schemas.ts';

type Json = Record<string, unknown>;

const about = `The identity service that other products rent. Each call is here twice: as REST, and as Connect's JSON form of
the same RPC (\`POST /manam.v1.Service/Method\`), which generated clients speak; gRPC and gRPC-Web are at the same paths
and, where the server has it on, described by reflection.

A failure carries a stable \`reason\`; texts follow \`Accept-Language\` (English and Persian) and may change.`;

/** The OpenAPI description of every public route. */
export function createOpenApi(contract: Contract, version: string): Json {
  const rest = createSchemas('rest', contract.services);
  const connect = createSchemas('connect', contract.services);
  const samplesOf = loadSamples();
  const paths: Record<string, Json> = {};
  const add = (path: string, httpMethod: string, operation: Json, more: Json = {}) => {
    paths[path] = { ...paths[path], ...more, [httpMethod.toLowerCase()]: operation };
  };

  for (const service of contract.services) {
    for (const method of service.methods) {
      // OpenAPI has no words for the frames of a stream: docs/events.md has.
      if (method.methodKind !== 'unary') continue;
      const reasons = reasonsOf(method, contract.reasons);
      routesOf(method).forEach(({ httpMethod, path }, index) => {
        const operation = restOperation(
          method,
          httpMethod,
          path,
          rest,
          reasons,
          contract.reasons,
          samplesOf(httpMethod, path),
        );
        const suffix = index === 0 ? '' : `_${index + 1}`;
        add(path, httpMethod, { operationId: `${service.name}_${method.name}${suffix}`, ...operation });
      });
      add(`/${service.typeName}/${method.name}`, 'POST', connectOperation(method, connect, reasons), {
        // Connect's paths are mounted at the root alone.
        servers: [{ url: '/' }],
      });
    }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Manam',
      version,
      description: about,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: contract.services.map((service) => ({ name: service.name, description: commentOf(service) })),
    paths,
    components: {
      securitySchemes: {
        key: {
          type: 'apiKey',
          in: 'header',
          name: 'x-api-key',
          description:
            'A key of the tenant, publishable or secret. `apieco_key` is the same header under its older name.',
        },
        secretKey: {
          type: 'apiKey',
          in: 'header',
          name: 'x-api-key',
          description: 'A secret key of the tenant.',
        },
        tenant: {
          type: 'apiKey',
          in: 'header',
          name: 'manam-tenant',
          description: 'The slug of the tenant that a member calls about, beside the session at Manam.',
        },
        application: {
          type: 'http',
          scheme: 'basic',
          description:
            'The id and the secret of an application. It may authenticate in the body instead, as it is registered.',
        },
        applicationToken: {
          type: 'http',
          scheme: 'bearer',
          description: 'An access token of an application, for UserInfo.',
        },
        session: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'The access token of a session, or where a method says so the token of a pending sign-in.',
        },
      },
      schemas: {
        ...Object.fromEntries(rest.components),
        ...Object.fromEntries(connect.components),
        Failure: failureSchema(contract.reasons),
        OAuthFailure: oauthFailureSchema,
        ConnectFailure: connectFailureSchema,
      },
    },
  };
}

function securityOf(method: DescMethod): Json[] {
  const { key, sessions, scope, members } = accessOf(method);
  if (members.length > 0)
    return [...(key === KeyKind.MEMBER ? [] : [{ secretKey: [] }]), { session: [], tenant: [] }];
  if (key === KeyKind.APPLICATION) return [{ application: [] }, { applicationToken: [] }, {}];
  const ofKey = key === KeyKind.SECRET ? { secretKey: [] } : { key: [] };
  if (sessions.length === 0) return [ofKey];
  return [{ session: [] }, { session: [], ...ofKey }, ...(scope === '' ? [] : [{ secretKey: [] }])];
}

function describeMethod(method: DescMethod): Json {
  const comment = commentOf(method);
  const { idempotencyKey } = accessOf(method);
  return {
    tags: [method.parent.name],
    summary: method.name,
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
  httpMethod: string,
  path: string,
  schemas: Schemas,
  reasons: readonly ErrorReason[],
  all: readonly ErrorReason[],
  examples: Json,
): Json {
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
    operationId: `connect_${method.parent.name}_${method.name}`,
    ...describeMethod(method),
    summary: `${method.name}, over Connect`,
    requestBody: json({ ...schemas.refer(method.input), unevaluatedProperties: false }),
    responses: {
      200: { description: 'Done.', ...json(schemas.refer(method.output)) },
      ...failures(reasons, 'ConnectFailure'),
    },
  };
}

/** A response for every status, with the reasons that lead to it. */
function failures(reasons: readonly ErrorReason[], schema: string): Json {
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } };
  const byStatus = Map.groupBy(reasons, ({ httpStatus }) => httpStatus);
  const entries = [...byStatus]
    .toSorted(([a], [b]) => a - b)
    .map(([status, group]) => [
      String(status),
      { description: group.map(({ name, message }) => `\`${name}\`: ${message}`).join('\n\n'), content },
    ]);
  return Object.fromEntries(entries) as Json;
}

function failureSchema(reasons: readonly ErrorReason[]): Schema {
  return {
    type: 'object',
    description: 'A failure over REST.',
    required: ['status', 'message', 'location', 'reason', 'request_id', 'errors'],
    properties: {
      status: { enum: ['unsuccess', 'failure'] },
      message: { type: 'string', description: 'What to tell a person, in his language.' },
      location: { const: '/' },
      reason: { type: 'string', enum: reasons.map(({ name }) => name), description: 'Stable; for programs.' },
      request_id: { type: 'string', format: 'uuid', description: 'Leads to the log line.' },
      errors: {
        type: 'object',
        description: 'What to tell of each field; under the empty name what concerns the whole request.',
        additionalProperties: { type: 'array', items: { type: 'string' } },
      },
    },
  };
}

const oauthFailureSchema: Schema = {
  type: 'object',
  description: 'A failure of OAuth (RFC 6749, section 5.2).',
  required: ['error', 'error_description'],
  properties: {
    error: { type: 'string', description: 'Stable; for programs. Such as `invalid_grant`.' },
    error_description: { type: 'string', description: 'For developers, in English.' },
  },
};

const connectFailureSchema: Schema = {
  type: 'object',
  description: 'An error of Connect (https://connectrpc.com/docs/protocol#error-end-stream).',
  required: ['code'],
  properties: {
    code: { type: 'string', description: 'Such as `invalid_argument`.' },
    message: { type: 'string' },
    details: {
      type: 'array',
      description:
        'Messages of google.rpc: ErrorInfo with the reason, LocalizedMessage, BadRequest, RetryInfo.',
      items: {
        type: 'object',
        required: ['type', 'value'],
        properties: {
          type: { type: 'string', description: 'Such as `google.rpc.ErrorInfo`.' },
          value: { type: 'string', contentEncoding: 'base64' },
          debug: { description: 'The message as JSON.' },
        },
      },
    },
  },
};
