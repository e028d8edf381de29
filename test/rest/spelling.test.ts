import { expect, test } from 'vitest';
import {
  LoginRequestSchema,
  LoginResponseSchema,
  RegisterRequestSchema,
} from '../../gen/manam/v1/auth_service_pb.js';
import { UpdateUserRequestSchema } from '../../gen/manam/v1/management_users_pb.js';
import { createSpeller, type FieldSpelling } from '../../src/rest/spelling.ts';

const plain: FieldSpelling = { name: '', aliases: [], flatten: false, header: '', lenient: false };

test('two fields that are spelled alike stop the server with both names', () => {
  const speller = createSpeller({
    field: ({ name }) => (name === 'password' ? { ...plain, name: 'email' } : plain),
    enumValue: () => undefined,
  });
  expect(() => speller.of(LoginRequestSchema)).toThrowError(
    'manam.v1.LoginRequest: password and email are both spelled email',
  );
});

test('names, aliases and enum values are read and written as they are spelled', () => {
  const speller = createSpeller({
    field: ({ name }) =>
      name === 'mobile' ? { ...plain, name: 'cell', aliases: ['phone'], lenient: true } : plain,
    enumValue: ({ name }) => name.replace('IDENTIFIER_TYPE_', '').toLowerCase(),
  });
  const spelling = speller.of(RegisterRequestSchema);
  expect(speller.fromRest(spelling, { phone: 912, type: 'mobile' }, false)).toEqual({
    mobile: '912',
    type: 'IDENTIFIER_TYPE_MOBILE',
  });
  expect(speller.toRest(spelling, { mobile: '912', type: 'IDENTIFIER_TYPE_MOBILE' })).toEqual({
    cell: '912',
    type: 'mobile',
  });
  expect(speller.restNameOf(RegisterRequestSchema, 'mobile')).toBe('cell');
  expect(speller.restNameOf(RegisterRequestSchema, 'unheard_of')).toBe('unheard_of');
});

test('a mask names fields in snake case both ways', () => {
  const speller = createSpeller({ field: () => plain, enumValue: () => undefined });
  const spelling = speller.of(UpdateUserRequestSchema);
  const rest = { update_mask: 'first_name,roles' };
  const json = { update_mask: 'firstName,roles' };
  expect(speller.fromRest(spelling, rest, false)).toEqual(json);
  expect(speller.toRest(spelling, json)).toEqual(rest);
});

test('a flattened message is replaced by its fields, an absent one by none', () => {
  const speller = createSpeller({
    field: ({ name }) => ({ ...plain, flatten: name === 'tokens' }),
    enumValue: () => undefined,
  });
  const spelling = speller.of(LoginResponseSchema);
  expect(speller.toRest(spelling, { tokens: { access_token: 'a' }, location: '/' })).toEqual({
    access_token: 'a',
    location: '/',
  });
  expect(speller.toRest(spelling, { location: '/' })).toEqual({ location: '/' });
});
