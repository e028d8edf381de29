import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { KeyKind } from '../../gen/manam/options/v1/access_pb.js';
import { rest_method } from '../../gen/manam/options/v1/rest_pb.js';
import {
  accessInWords,
  accessOf,
  commentOf,
  type ErrorReason,
  type RestAddress,
  reasonsOf,
} from './contract.ts';
import { connectExample, type RestExample, restExample } from './openapi-examples.ts';
import { failures, securityOf } from './openapi-parts.ts';
import { type Schema, type Schemas, speller } from './schemas.ts';

type Json = Record<string, unknown>;

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

function describeMethod(method: DescMethod) {
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

/** Over REST the tenant is in the path. */
const issuerParameter = {
  name: 'manam-tenant',
  in: 'header',
  required: true,
  description: 'The slug of the tenant whose applications these are.',
  schema: { type: 'string' },
  example: 'dev',
};

/** A call at its address of REST. */
export function restOperation(
  method: DescMethod,
  address: RestAddress,
  schemas: Schemas,
  all: readonly ErrorReason[],
): Json {
  const reasons = reasonsOf(method, all);
  const example = restExample(method, address);
  const { parameters, ...operation } = describeMethod(method);
  const { oauth } = getOption(method, rest_method);
  return {
    ...operation,
    parameters: [...restParameters(method, address, schemas, example), ...parameters],
    ...(address.hasBody && { requestBody: requestBodyOf(method, address, schemas, example.body) }),
    responses: {
      ...answerOf(method, schemas),
      ...failures(
        address.hasBody ? withBodyReasons(reasons, all) : reasons,
        oauth ? 'OAuthFailure' : 'Failure',
      ),
    },
  };
}

/** The fields in the path, in the query where there is no body, and those that may stand in a header. */
function restParameters(
  method: DescMethod,
  { path, hasBody }: RestAddress,
  schemas: Schemas,
  example: RestExample,
): Json[] {
  const { byProtoName, fields } = speller.of(method.input);
  const properties = schemas.propertiesOf(method.input);
  const parameter = (place: 'path' | 'query', name: string, of: string, value: unknown): Json => {
    const { description, ...schema } = properties[of] ?? {};
    return {
      name,
      in: place,
      ...(place === 'path' && { required: true }),
      schema,
      ...(description !== undefined && { description }),
      ...(value !== undefined && { example: value }),
    };
  };
  const inPath = variablesOf(path).map((name) => {
    const spelled = byProtoName.get(name)?.name ?? '';
    return parameter('path', name, spelled, example.path[name]);
  });
  const others = propertiesBeside(method, path, schemas);
  // The fields of a call of OAuth are credentials, which never stand in an address.
  const isBare = hasBody || getOption(method, rest_method).oauth;
  const query = isBare
    ? []
    : Object.keys(others).map((name) => parameter('query', name, name, example.query[name]));
  const headers = fields
    .filter(({ header }) => header !== '')
    .map(({ header, name }) => ({
      name: header,
      in: 'header',
      description: `Another place for \`${name}\`.`,
      schema: { type: 'string' },
    }));
  return [...inPath, ...query, ...headers];
}

/** The names between braces. */
const variablesOf = (path: string) => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);

/** The fields of a request that are not in its path. */
function propertiesBeside(method: DescMethod, path: string, schemas: Schemas): Record<string, Schema> {
  const { byProtoName } = speller.of(method.input);
  const inPath = new Set(variablesOf(path).map((name) => byProtoName.get(name)?.name));
  const entries = Object.entries(schemas.propertiesOf(method.input));
  return Object.fromEntries(entries.filter(([name]) => !inPath.has(name)));
}

function requestBodyOf(method: DescMethod, { path }: RestAddress, schemas: Schemas, example: Json): Json {
  const schema: Schema =
    variablesOf(path).length === 0
      ? { ...schemas.refer(method.input), unevaluatedProperties: false }
      : {
          type: 'object',
          properties: propertiesBeside(method, path, schemas),
          additionalProperties: getOption(method, rest_method).oauth,
        };
  return {
    content: { 'application/json': { schema, example }, 'application/x-www-form-urlencoded': { schema } },
  };
}

function answerOf(method: DescMethod, schemas: Schemas): Json {
  const { rawBody, successMessage, successLocation, oauth, successStatus } = getOption(method, rest_method);
  const status = String(successStatus || 200);
  if (rawBody) return { [status]: { description: 'The image.', content: { 'image/png': {} } } };
  // The members that are set, with those of `claims` beside them (RFC 6749, section 5.1).
  const oauthAnswer = { type: 'object', properties: schemas.propertiesOf(method.output) };
  const frame = {
    status: { const: 'success' },
    ...(successMessage !== undefined && { message: { type: 'string', description: successMessage.en } }),
    ...(successLocation !== '' && {
      location: { type: 'string', description: 'The path of the next step.' },
    }),
  };
  const answer = {
    allOf: [schemas.refer(method.output), { type: 'object', properties: frame }],
    unevaluatedProperties: false,
  };
  const schema = oauth ? oauthAnswer : answer;
  return { [status]: { description: 'Done.', content: { 'application/json': { schema } } } };
}

/** The reasons to reject a REST body before it is a message. */
function withBodyReasons(reasons: readonly ErrorReason[], all: readonly ErrorReason[]): ErrorReason[] {
  const names = new Set(['BODY_MALFORMED', 'BODY_TOO_LARGE', 'MEDIA_TYPE_UNSUPPORTED']);
  return [...reasons, ...all.filter(({ name }) => names.has(name))];
}

/** A call at its address of Connect. */
export function connectOperation(
  method: DescMethod,
  schemas: Schemas,
  reasons: readonly ErrorReason[],
): Json {
  const json = (schema: Schema, more: object = {}) => ({
    content: { 'application/json': { schema, ...more } },
  });
  const { parameters, ...operation } = describeMethod(method);
  const isOfIssuer = accessOf(method).key === KeyKind.APPLICATION;
  return {
    ...operation,
    parameters: [...(isOfIssuer ? [issuerParameter] : []), ...parameters],
    requestBody: json(
      { ...schemas.refer(method.input), unevaluatedProperties: false },
      { example: connectExample(method) },
    ),
    responses: {
      200: { description: 'Done.', ...json(schemas.refer(method.output)) },
      ...failures(reasons, 'ConnectFailure'),
    },
  };
}
