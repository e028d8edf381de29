import { describe, expect, test } from 'vitest';
import { defaultSettings, isConnectionName, patchConnection } from '../../src/domain/connection.ts';
import { DomainError } from '../../src/domain/errors.ts';

const good = { clientId: 'client', issuer: 'https://issuer.example' };

/** The fields that are wrong, with their reasons. */
function mistakesOf(patch: unknown): Record<string, string> {
  try {
    patchConnection(defaultSettings, patch);
    return {};
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return Object.fromEntries((error.details.violations ?? []).map(({ field, reason }) => [field, reason]));
  }
}

test('settings are completed with defaults, and null goes back to one', () => {
  const made = patchConnection(defaultSettings, { ...good, domains: ['example.com'], scopes: ['groups'] });
  expect(made).toEqual({ ...defaultSettings, ...good, domains: ['example.com'], scopes: ['groups'] });
  expect(patchConnection(made, { domains: null })).toEqual({ ...made, domains: [] });
});

describe('settings are refused', () => {
  test.each<[string, unknown, Record<string, string>]>([
    ['that are no object', [], { settings: 'FIELD_TYPE' }],
    ['without a client', { issuer: good.issuer }, { 'settings.clientId': 'FIELD_INVALID' }],
    ['of an OpenID provider without an issuer', { clientId: 'c' }, { 'settings.issuer': 'FIELD_REQUIRED' }],
    ['of no such kind', { ...good, kind: 'saml' }, { 'settings.kind': 'FIELD_INVALID' }],
    ['with a field that is not known', { ...good, secret: 'x' }, { 'settings.secret': 'FIELD_UNKNOWN' }],
    [
      'with an issuer that has a query',
      { ...good, issuer: 'https://a.example/?b' },
      { 'settings.issuer': 'FIELD_INVALID' },
    ],
    [
      'with an issuer that names a user',
      { ...good, issuer: 'https://u:p@a.example' },
      { 'settings.issuer': 'FIELD_INVALID' },
    ],
    [
      'with an issuer of another scheme',
      { ...good, issuer: 'file:///etc' },
      { 'settings.issuer': 'FIELD_INVALID' },
    ],
    ['of GitHub with an issuer', { ...good, kind: 'github' }, { 'settings.issuer': 'FIELD_INVALID' }],
    [
      'of Microsoft with an issuer of another',
      { clientId: 'c', kind: 'microsoft', issuer: 'https://evil.example/v2.0' },
      { 'settings.issuer': 'FIELD_INVALID' },
    ],
    [
      'of Apple without a team and a key',
      { clientId: 'c', kind: 'apple' },
      { 'settings.teamId': 'FIELD_REQUIRED', 'settings.keyId': 'FIELD_REQUIRED' },
    ],
    ['with a domain that is none', { ...good, domains: ['@x'] }, { 'settings.domains.0': 'FIELD_INVALID' }],
    ['with two scopes in one', { ...good, scopes: ['a b'] }, { 'settings.scopes.0': 'FIELD_INVALID' }],
    [
      'that map no field',
      { ...good, claims: { roles: 'groups' } },
      { 'settings.claims.roles': 'FIELD_INVALID' },
    ],
    ['with markup in the name', { ...good, displayName: '<b>' }, { 'settings.displayName': 'FIELD_INVALID' }],
    [
      'with a logo elsewhere',
      { ...good, logo: 'https://a.example/x.png' },
      { 'settings.logo': 'FIELD_INVALID' },
    ],
    [
      'of GitHub that trust it with the second factor',
      { clientId: 'c', kind: 'github', secondFactor: 'trust' },
      { 'settings.secondFactor': 'FIELD_INVALID' },
    ],
    [
      'of Microsoft with the address of another claim',
      { clientId: 'c', kind: 'microsoft', claims: { email: 'preferred_username' } },
      { 'settings.claims.email': 'FIELD_INVALID' },
    ],
    ['that trust no domain', { ...good, trustDomains: true }, { 'settings.trustDomains': 'FIELD_INVALID' }],
    [
      'of Facebook that would keep everyone out',
      { clientId: 'c', kind: 'facebook', domains: ['a.example'] },
      { 'settings.domains': 'FIELD_INVALID' },
    ],
    [
      'of all directories of Microsoft, the same',
      { clientId: 'c', kind: 'microsoft', verifiedOnly: true },
      { 'settings.verifiedOnly': 'FIELD_INVALID' },
    ],
    [
      'that neither ask nor trust',
      { ...good, secondFactor: 'skip' },
      { 'settings.secondFactor': 'FIELD_INVALID' },
    ],
  ])('%s', (_, patch, mistakes) => {
    expect(mistakesOf(patch)).toEqual(mistakes);
  });
});

test.each([
  ['okta', true],
  ['acme-2', true],
  ['a'.repeat(32), true],
  ['a'.repeat(33), false],
  ['Okta', false],
  ['2fa', false],
  ['', false],
  ['a/b', false],
  ['callback', false],
  ['logout', false],
  ['linked', false],
  ['manam', false],
])('the name %j is one of a connection: %s', (name, expected) => {
  expect(isConnectionName(name)).toBe(expected);
});
