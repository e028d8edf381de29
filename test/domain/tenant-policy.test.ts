import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DomainError } from '../../src/domain/errors.ts';
import { withDefaults } from '../../src/domain/settings.ts';
import { defaultPolicy, patchPolicy } from '../../src/domain/tenant-policy.ts';

const defaults = defaultPolicy('https://id.example.com', 'acme');
const current = patchPolicy(defaults, { senders: { default: 'info@acme.com' } }, defaults);

function refusalOf(patch: unknown): string[] {
  try {
    patchPolicy(current, patch, defaults);
  } catch (error) {
    if (error instanceof DomainError)
      return (error.details.violations ?? []).map(
        ({ field, reason, description }) => `${field} ${description ?? reason}`,
      );
    throw error;
  }
  throw new Error('the policy was taken');
}

test('a patch changes what it names, null goes back to the default, and the rest stays', () => {
  const changed = patchPolicy(
    current,
    { requireSecondFactor: true, roles: { editor: ['posts.write'] }, origins: ['https://acme.com'] },
    defaults,
  );
  expect(changed).toEqual({
    ...current,
    requireSecondFactor: true,
    origins: ['https://acme.com'],
    roles: { ...current.roles, editor: ['posts.write'] },
  });
  const back = patchPolicy(changed, { requireSecondFactor: null, origins: null, roles: null }, defaults);
  expect(back).toEqual(current);
});

test('the default sender is a sender without being named twice', () => {
  expect(current.senders).toEqual({ default: 'info@acme.com', addresses: ['info@acme.com'] });
});

test('a policy without a sender is rejected by its path', () => {
  expect(() => patchPolicy(defaults, {}, defaults)).toThrowError('REQUEST_INVALID');
});

const bad: [what: string, patch: unknown, refusal: string[]][] = [
  ['an unknown path', { colour: 'red' }, ['policy.colour FIELD_UNKNOWN']],
  ['an unknown path further in', { password: { maxLength: 3 } }, ['policy.password.maxLength FIELD_UNKNOWN']],
  [
    'a value of another type',
    { requireSecondFactor: 'yes' },
    ['policy.requireSecondFactor must be true or false'],
  ],
  ['a list that is none', { origins: 'https://acme.com' }, ['policy.origins must be a list']],
  [
    'one wrong entry of a list',
    { origins: ['https://acme.com', 'https://acme.com/path'] },
    ['policy.origins.1 must be an origin such as https://example.com, or http://localhost:*'],
  ],
  [
    'an origin of everybody',
    { origins: ['*'] },
    ['policy.origins.0 must be an origin such as https://example.com, or http://localhost:*'],
  ],
  [
    'a page without TLS',
    { pages: { confirm: 'http://acme.com/confirm' } },
    ['policy.pages.confirm must be an https URL without user, fragment or IP address'],
  ],
  [
    'a sender that is two',
    { senders: { default: 'a@acme.com, b@acme.com' } },
    ['policy.senders.default must be a plain e-mail address'],
  ],
  [
    'a default sender that is no sender',
    { senders: { default: 'other@acme.com' } },
    ['policy.senders.addresses must contain senders.default'],
  ],
  [
    'a country that is none',
    { countries: ['IR', 'XX'] },
    ['policy.countries.1 must be the ISO 3166 code of a country, such as IR'],
  ],
  [
    'a default country that is not served',
    { countries: ['DE'], defaultCountry: 'IR' },
    ['policy.countries must contain defaultCountry, whose numbers need no calling code'],
  ],
  ['a password of seven', { password: { minLength: 7 } }, ['policy.password.minLength must be at least 8']],
  [
    'a role with a space',
    { roles: { 'a b': [] } },
    ['policy.roles.a b must be named in letters, digits, . _ and -'],
  ],
  ['a policy that is a list', [], ['policy must be an object']],
  [
    'several mistakes at once',
    { defaultLocale: 'de', discloseRegistration: 1 },
    ['policy.defaultLocale must be one of en, fa', 'policy.discloseRegistration must be true or false'],
  ],
];
for (const [what, patch, refusal] of bad) {
  test(`${what} is rejected with its path`, () => {
    expect(refusalOf(patch)).toEqual(refusal);
  });
}

test('a prototype is no path', () => {
  const patch = JSON.parse('{"__proto__": {"requireSecondFactor": true}}') as unknown;
  expect(refusalOf(patch)).toEqual(['policy.__proto__ FIELD_UNKNOWN']);
});

test('a stored policy that is older than a field of it has the default there', () => {
  const { roles: _, ...old } = current;
  expect(withDefaults(old, defaults)).toEqual(current);
});

test('the documents name every path', () => {
  const page = readFileSync(new URL('../../docs/tenant-policy.md', import.meta.url), 'utf8');
  const paths = Object.entries(defaults).flatMap(([name, value]) =>
    typeof value === 'object' && !Array.isArray(value) && name !== 'roles'
      ? Object.keys(value).map((inner) => `${name}.${inner}`)
      : [name],
  );
  expect(paths.filter((path) => !page.includes(`\`${path}\``))).toEqual([]);
});
