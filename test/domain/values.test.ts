import { expect, test } from 'vitest';
import { knownPasswords } from '../../src/adapters/known-passwords.ts';
import { digestApiKey, formatApiKey } from '../../src/domain/api-key.ts';
import { parseBirthday } from '../../src/domain/birthday.ts';
import { negotiateLocale } from '../../src/domain/locale.ts';
import { isPublic } from '../../src/domain/network.ts';
import { judgePassword } from '../../src/domain/password.ts';
import { type Json, parseCustomFields, parseName } from '../../src/domain/profile.ts';
import { isRegisteredOrigin, matchRegisteredUrl } from '../../src/domain/registered-url.ts';
import { formatChallengeToken, parseChallengeToken, sha256 } from '../../src/domain/token.ts';

const now = new Date('2026-01-01T00:00:00Z');

for (const [sent, gregorian] of [
  ['1990-02-01', '1990-02-01'],
  ['2000-02-29', '2000-02-29'],
  ['1370-01-03', '1991-03-23'],
  ['1375-12-30', '1997-03-20'],
  ['1399-12-30', '2021-03-20'],
  ['1403-12-30', '2025-03-20'],
  ['1300-01-01', '1921-03-21'],
  ['1404-01-01', '2025-03-21'],
] as const) {
  test(`the birthday ${sent} is the day ${gregorian}`, () => {
    expect(parseBirthday(sent, now)).toEqual({ text: sent, gregorian });
  });
}

for (const sent of [
  '1990-02-30',
  '1990-13-01',
  '1990-00-10',
  '1371-12-30',
  '1370-13-01',
  '1370-07-31',
  '2027-01-01',
  '1410-01-01',
  '90-01-01',
  '1990/01/01',
  '0000-01-01',
  '0999-01-01',
  '2021-02-30',
  'x',
]) {
  test(`the birthday ${sent} is rejected`, () => {
    expect(() => parseBirthday(sent, now)).toThrowError(
      expect.objectContaining({ details: { violations: [{ field: 'birthday', reason: 'DATE_INVALID' }] } }),
    );
  });
}

for (const [header, locale] of [
  ['en-ca,en;q=0.8,en-us;', 'en'],
  ['fa', 'fa'],
  ['fa-IR,en;q=0.9', 'fa'],
  ['en;q=0.5,fa;q=0.9', 'fa'],
  ['de,fr', undefined],
  ['fa;q=0', undefined],
  ['*', undefined],
  ['', undefined],
  [null, undefined],
  [';;;,,,q=', undefined],
] as const) {
  test(`Accept-Language '${header}' asks for ${locale ?? 'none of our languages'}`, () => {
    expect(negotiateLocale(header)).toBe(locale);
  });
}

const context = {
  minLength: 8,
  words: ['sara', 'sara@example.com', 'Manam'],
  blocklist: new Set(['iloveyou1']),
  minStrength: 0,
  strengthOf: knownPasswords.strengthOf,
};
for (const [password, reason] of [
  ['1234567', 'PASSWORD_TOO_SHORT'],
  ['12345678', undefined],
  ['😀'.repeat(7), 'PASSWORD_TOO_SHORT'],
  ['😀'.repeat(8), undefined],
  ['a'.repeat(256), undefined],
  ['a'.repeat(257), 'PASSWORD_TOO_LONG'],
  ['😀'.repeat(256), undefined],
  ['€'.repeat(257), 'PASSWORD_TOO_LONG'],
  ['SARA@example.com', 'PASSWORD_COMMON'],
  ['ILoveYou1', 'PASSWORD_COMMON'],
  ['', 'FIELD_REQUIRED'],
  ['گذرواژهٔ بلند من', undefined],
] as const) {
  test(`the password '${password.slice(0, 20)}' of ${[...password].length} characters is ${reason ?? 'good'}`, () => {
    expect(judgePassword(password, context)?.reason).toBe(reason);
  });
}

for (const [password, why] of [
  ['aaaaaaaa', 'Repeated characters like "aaa" are easy to guess.'],
  ['Password123!', 'This is similar to a commonly used password.'],
  ['abcabcabcabc', 'Repeated patterns like "abcabcabc" are easy to guess.'],
  ['abcdefgh', 'Sequences like "abc" or "6543" are easy to guess.'],
  ['qazwsxedc', 'This is a commonly used password.'],
  ['a'.repeat(200), 'Repeated characters like "aaa" are easy to guess.'],
  ['sara2024', undefined],
] as const) {
  test(`'${password.slice(0, 20)}' is rejected as easy to guess, and at a tenant that does not mind it is not`, () => {
    const strict = { ...context, minStrength: 2 };
    const judgement = judgePassword(password, strict);
    expect(judgement?.reason).toBe('PASSWORD_COMMON');
    if (why !== undefined) expect(judgement?.texts?.en).toBe(why);
    expect(judgePassword(password, context)).toBeUndefined();
  });
}
for (const password of [
  'quiet-orbit-lantern-47',
  'گذرواژهٔ بلند من',
  `${'a'.repeat(30)} quiet orbit lantern`,
]) {
  test(`'${password}' is hard enough to guess`, () => {
    expect(judgePassword(password, { ...context, minStrength: 2 })).toBeUndefined();
  });
}

for (const name of ['Sara', "O'Neil", 'Jean-Luc', 'سارا محمدی', 'Dr. Who', 'J. R. R. Tolkien', '']) {
  test(`'${name}' is a name`, () => {
    expect(parseName(name, 'first_name')).toBe(name);
  });
}
for (const name of [
  '<b>x</b>',
  'http://evil.test',
  'visit www.evil',
  'evil.test/x',
  'a\nb',
  'a\u2028b',
  'x'.repeat(101),
]) {
  test(`'${name.slice(0, 20)}' is no name`, () => {
    expect(() => parseName(name, 'first_name')).toThrowError(
      expect.objectContaining({ details: { violations: [{ field: 'first_name', reason: 'NAME_INVALID' }] } }),
    );
  });
}

function nested(depth: number): Json {
  return depth === 0 ? 1 : { a: nested(depth - 1) };
}
const keys = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]));

for (const [what, value] of [
  ['the list of the samples', [{ phone: '887219031', address: 'Tehran' }]],
  ['a plain object', { colour: 'blue' }],
  ['fifty keys', keys(50)],
  ['an object that looks like a field of a list', { colour: { key: 'A', value: 1 } }],
  ['fifty fields in a list', Object.keys(keys(50)).map((key) => ({ key, value: 1 }))],
  ['four levels', nested(4)],
] as const) {
  test(`custom fields may be ${what}`, () => {
    expect(parseCustomFields(value as Json)).toEqual(value);
  });
}
const keyRule = 'a key is 1 to 64 lower-case letters, digits and _, with a letter first';
test('a birthday in Persian digits is stored in Latin ones', () => {
  expect(parseBirthday(' ۱۳۷۰-۰۱-۰۳', new Date())).toEqual(parseBirthday('1370-01-03', new Date()));
  expect(parseBirthday('١٣٧٠‐٠١‑٠٣', new Date())?.text).toBe('1370-01-03');
});

for (const [what, value, description] of [
  ['fifty-one keys', keys(51), 'at most 50 keys'],
  ['ten thousand keys', keys(10_000), 'at most 50 keys'],
  ['five levels', nested(5), 'at most 4 levels'],
  ['a thousand levels', nested(1000), 'at most 4 levels'],
  ['more than 16 KiB', { a: 'x'.repeat(17_000) }, 'at most 16384 bytes of JSON'],
  ['a key of an object', JSON.parse('{"__proto__":1}'), '__proto__: this key is reserved'],
  ['a constructor', { constructor: 1 }, 'constructor: this key is reserved'],
  ['a capital in a key', { favoriteTeam: 'x' }, `favoriteTeam: ${keyRule}`],
  ['a digit first', { a: { '1st': 1 } }, `1st: ${keyRule}`],
  ['fifty-one fields in a list', Object.keys(keys(51)).map((key) => ({ key, value: 1 })), 'at most 50 keys'],
  ['a reserved name in a list', [{ key: '__proto__', value: 1 }], '__proto__: this key is reserved'],
  ['a capital in a name of a list', [{ key: 'A', value: 1 }], `A: ${keyRule}`],
  [
    'one name twice in a list',
    [
      { key: 'a', value: 1 },
      { key: 'a', value: 2 },
    ],
    'a: a key comes once',
  ],
  ['a key that may be anything', { 'my password is x': 1 }, keyRule],
] as const) {
  test(`custom fields may not have ${what}`, () => {
    expect(() => parseCustomFields(value as Json)).toThrowError(
      expect.objectContaining({
        details: { violations: [{ field: 'custom_fields', reason: 'CUSTOM_FIELDS_INVALID', description }] },
      }),
    );
  });
}

const registered = ['https://tenant.com/confirm', 'https://tenant.com/x?a=1'];
for (const url of [
  'https://tenant.com/confirm',
  'tenant.com/confirm',
  'HTTPS://TENANT.com/confirm',
  'https://tenant.com:443/confirm',
]) {
  test(`'${url}' is the registered page`, () => {
    expect(matchRegisteredUrl(url, registered, '', 'confirm_url')).toBe('https://tenant.com/confirm');
  });
}
for (const url of [
  'http://tenant.com/confirm',
  'https://tenant.com/confirm/',
  'https://tenant.com/Confirm',
  'https://tenant.com/confirm?x=1',
  'https://tenant.com/confirm#x',
  'https://tenant.com.evil.test/confirm',
  'https://evil.test/https://tenant.com/confirm',
  'https://tenant.com@evil.test/confirm',
  'https://user@tenant.com/confirm',
  'https://user:pw@tenant.com/confirm',
  '//tenant.com/confirm',
  '\\\\tenant.com\\confirm',
  'https:\\\\tenant.com\\confirm',
  'https://tenant.com\\confirm',
  'javascript:alert(1)',
  'data:text/html,x',
  'file:///etc/passwd',
  'https://tenant.com/./confirm/../x',
  'https://tenant.com:8443/confirm',
  'https://127.0.0.1/confirm',
  'https://[::1]/confirm',
  'https://*.tenant.com/confirm',
  ' https://tenant.com/confirm',
  'https://tenant.com/confirm\n',
  'https://tenant。com/confirm\t',
  'https://tenant.com/confirm%00',
  'https://tenant.com/confirm;x',
  'https://xn--tenant.com/confirm',
  'https://tenant.com/%63onfirm',
  'https://tenant.com//confirm',
  'https:tenant.com/confirm?',
  'ftp://tenant.com/confirm',
  'https://ténant.com/confirm',
  'https://tenant.com/confirm?cnf=x',
  'https://tenant.co/confirm',
  'https://tenant.comm/confirm',
  'https://www.tenant.com/confirm',
  'mailto:a@tenant.com',
  'blob:https://tenant.com/confirm',
  'tenant.com',
  'https://',
  'x',
  '/confirm',
  '../confirm',
]) {
  test(`'${JSON.stringify(url).slice(1, -1)}' is not the registered page`, () => {
    expect(() => matchRegisteredUrl(url, registered, '', 'confirm_url')).toThrowError(
      expect.objectContaining({
        details: { violations: [{ field: 'confirm_url', reason: 'URL_NOT_REGISTERED' }] },
      }),
    );
  });
}

test('an origin is registered exactly, or for any port where it says so', () => {
  const origins = ['https://tenant.com', 'http://localhost:*'];
  expect(
    ['https://tenant.com', 'http://localhost:3000'].every((origin) => isRegisteredOrigin(origin, origins)),
  ).toBe(true);
  const others = [
    'https://tenant.com.evil.test',
    'http://tenant.com',
    'https://a.tenant.com',
    'null',
    'http://localhost',
    'http://localhost:evil',
    'http://localhost:1.evil.test',
    '*',
  ];
  expect(others.filter((origin) => isRegisteredOrigin(origin, origins))).toEqual([]);
});

test('a tenant key is known by its digest, and a mistyped one is no key', () => {
  const key = formatApiKey('secret', Buffer.alloc(32, 7));
  expect(key).toMatch(/^manam_sk_/);
  expect(digestApiKey(key)).toEqual(sha256(key));
  for (let at = 0; at < key.length; at += 1) {
    const mistyped = `${key.slice(0, at)}${key[at] === 'A' ? 'B' : 'A'}${key.slice(at + 1)}`;
    expect(digestApiKey(mistyped)).toBeUndefined();
  }
  expect(digestApiKey(`${key}, ${key}`)).toBeUndefined();
});

test('a one-time token has one spelling', () => {
  const id = '01a206cc-e6c5-7754-9c78-25ac7371fb0b';
  const verifier = Buffer.alloc(32, 200);
  const token = formatChallengeToken(id, verifier);
  expect(parseChallengeToken(token)).toEqual({ challengeId: id, digest: sha256(verifier) });
  const variants = [
    token.slice(0, -1),
    `${token}=`,
    `${token}==`,
    `${token}A`,
    ` ${token}`,
    token.replace('-', '+'),
    encodeURIComponent(`${token}%`),
    `${token}\n`,
  ];
  expect(
    variants.filter((variant) => variant.trim() !== token && parseChallengeToken(variant) !== undefined),
  ).toEqual([]);
});

test.each([
  ['192.0.2.1', false],
  ['8.8.8.8', true],
  ['10.0.0.1', false],
  ['169.254.169.254', false],
  ['168.63.129.16', false],
  ['::ffff:168.63.129.16', false],
  ['::ffff:8.8.8.8', true],
  ['2606:4700:4700::1111', true],
  ['::1', false],
  ['::127.0.0.1', false],
  ['::7f00:1', false],
  ['64:ff9b::7f00:1', false],
  ['100:0:0:1::1', false],
  ['0:0:0:1::1', false],
  ['1::', false],
  ['4000::1', false],
  ['fc00::1', false],
  ['fe80::1', false],
])('the address %s is one of the public internet: %s', (address, expected) => {
  expect(isPublic(address)).toBe(expected);
});
