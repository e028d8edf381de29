import * as v from 'valibot';
import { type Json, profileTexts } from './profile.ts';
import { flag, strict, text } from './settings.ts';

/** Where the value of a claim of the tenant's own comes from. */
export const claimSources = ['field', 'role', 'constant'] as const;

/** A claim that a tenant adds to ID tokens and UserInfo. */
export type CustomClaim = {
  readonly source: (typeof claimSources)[number];
  /** The field of the profile or of the custom fields, such as `national_code` or `custom_fields.plan`; or the role. */
  readonly name: string;
  /** The value of a constant. */
  readonly value: Json;
  /** The scope that brings it; empty: every sign-in. */
  readonly scope: string;
  readonly inIdToken: boolean;
  readonly inUserInfo: boolean;
};

export type CustomClaims = Readonly<Record<string, CustomClaim>>;

/** Names that this service or a specification gives a meaning: no tenant says who a user is by other means (Core, section 2 and 5.1; RFC 7519). */
const reserved = new Set([
  ...[
    'iss',
    'sub',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'nonce',
    'auth_time',
    'acr',
    'amr',
    'azp',
    'sid',
    'at_hash',
  ],
  ...[
    'c_hash',
    's_hash',
    'events',
    'cnf',
    'client_id',
    'scope',
    'roles',
    'act',
    'may_act',
    'token_type',
    'active',
  ],
  ...['email', 'email_verified', 'phone_number', 'phone_number_verified', 'grant_id', 'tid', '_claim_names'],
  ...['_claim_sources', 'claims', '__proto__', 'constructor', 'prototype'],
]);

const claimName = v.pipe(
  text,
  v.regex(/^[A-Za-z][\w:./-]{0,99}$/, 'must be the name of a claim'),
  v.check((name) => !reserved.has(name), 'is a claim of this service'),
);
const maxValueBytes = 1024;

export const customClaimsSchema = v.pipe(
  v.record(
    claimName,
    v.pipe(
      strict({
        source: v.picklist(claimSources, `must be one of ${claimSources.join(', ')}`),
        name: v.optional(v.pipe(text, v.maxLength(100, 'must have at most 100 characters')), ''),
        value: v.pipe(
          v.optional(v.unknown(), null) as v.GenericSchema<unknown, Json>,
          v.check(
            (value) => JSON.stringify(value ?? null).length <= maxValueBytes,
            'must be JSON of at most 1 KiB',
          ),
        ),
        scope: v.optional(
          v.pipe(text, v.regex(/^[\x21\x23-\x5b\x5d-\x7e]{0,128}$/, 'must be one scope, or empty')),
          '',
        ),
        inIdToken: v.optional(flag, true),
        inUserInfo: v.optional(flag, true),
      }),
      v.check(
        ({ source, name }) => source !== 'field' || isField(name),
        'name must be a field of the profile, or custom_fields. and a name',
      ),
      v.check(({ source, name }) => source !== 'role' || name !== '', 'name must be a role'),
    ),
    'must be an object',
  ),
  v.check((claims) => Object.keys(claims).length <= 50, 'must have at most 50 claims'),
) as v.GenericSchema<unknown, CustomClaims>;

/** The fields of a profile by their names in the contract. */
export const profileFieldsByName = new Map(
  Object.entries(profileTexts).map(([field, { name }]) => [name as string, field]),
);
/** A field of the tenant's own, such as `custom_fields.plan`. */
export const customField = /^custom_fields\.([a-z][a-z0-9_]{0,63})$/;

function isField(name: string): boolean {
  return profileFieldsByName.has(name) || name === 'birthday' || customField.test(name);
}
