import type { DescMethod } from '@bufbuild/protobuf';
import { KeyKind } from '../../gen/manam/options/v1/access_pb.js';
import { accessOf, type ErrorReason } from './contract.ts';
import type { Schema } from './schemas.ts';

type Json = Record<string, unknown>;

/** How callers authenticate. */
export const securitySchemes = {
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
    description: 'The access token of a session, or where a method says so the token of a pending sign-in.',
  },
};

/** The ways to authenticate of a method, any of which will do. */
export function securityOf(method: DescMethod): Json[] {
  const { key, sessions, scope, members } = accessOf(method);
  if (members.length > 0)
    return [...(key === KeyKind.MEMBER ? [] : [{ secretKey: [] }]), { session: [], tenant: [] }];
  if (key === KeyKind.APPLICATION) return [{ application: [] }, { applicationToken: [] }, {}];
  const ofKey = key === KeyKind.SECRET ? { secretKey: [] } : { key: [] };
  if (sessions.length === 0) return [ofKey];
  return [{ session: [] }, { session: [], ...ofKey }, ...(scope === '' ? [] : [{ secretKey: [] }])];
}

/** A response for every status, with the reasons that lead to it. */
export function failures(reasons: readonly ErrorReason[], schema: string): Json {
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

export function failureSchema(reasons: readonly ErrorReason[]): Schema {
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

export const oauthFailureSchema: Schema = {
  type: 'object',
  description: 'A failure of OAuth (RFC 6749, section 5.2).',
  required: ['error', 'error_description'],
  properties: {
    error: { type: 'string', description: 'Stable; for programs. Such as `invalid_grant`.' },
    error_description: { type: 'string', description: 'For developers, in English.' },
  },
};

export const connectFailureSchema: Schema = {
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
