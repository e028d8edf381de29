import { expect, test } from 'vitest';
import { parseEmail } from '../../src/domain/email.ts';
import { DomainError } from '../../src/domain/errors.ts';

const sameAccount = [
  'sara@example.com',
  ' sara@example.com ',
  'SARA@EXAMPLE.COM',
  'Sara@Example.Com',
  'sara＠example.com',
  'ｓａｒａ@example.com',
  'sara@ｅxample.com',
];

for (const spelling of sameAccount) {
  test(`'${spelling}' is the account sara@example.com`, () => {
    expect(parseEmail(spelling).canonical).toBe('sara@example.com');
  });
}

test('a domain in another script is compared in its ASCII form', () => {
  expect(parseEmail('sara@مثال.ایران')).toEqual({
    address: 'sara@xn--mgbh0fb.xn--mgba3a4f16a',
    canonical: 'sara@xn--mgbh0fb.xn--mgba3a4f16a',
  });
});

const refused = [
  ['a@b', 'a domain of one label'],
  ['@example.com', 'no local part'],
  ['sara@', 'no domain'],
  ['sara.example.com', 'no at sign'],
  ['a@v.test\r\nBcc: evil@e.test', 'a line break (V5)'],
  ['a@v.test\nx', 'a line feed'],
  ['x@evil.test,y@v.test', 'a list (V5)'],
  ['"x@evil.test,y"@v.test', 'a quoted local part'],
  ['a, b@v.test', 'a comma and a space'],
  ['x@evil.test，y@v.test', 'a full-width comma'],
  ['group:a@v.test;', 'a group'],
  ['Sara <sara@example.com>', 'a display name'],
  ['sara@[127.0.0.1]', 'an IP literal'],
  ['sara@127.0.0.1', 'an IP address'],
  ['sara(comment)@example.com', 'a comment'],
  ['.sara@example.com', 'a leading dot'],
  ['sara.@example.com', 'a trailing dot'],
  ['sa..ra@example.com', 'two dots'],
  ['gmáil@example.com', 'letters that look alike'],
  ['sara@-example.com', 'a label that begins with a hyphen'],
  [`${'a'.repeat(65)}@example.com`, 'a local part of more than 64 bytes'],
  [
    `a@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(10)}.com`,
    'more than 254 bytes',
  ],
  ['sara@example.com\0', 'a NUL'],
] as const;

for (const [text, why] of refused) {
  test(`an address with ${why} is rejected`, () => {
    expect(() => parseEmail(text)).toThrowError(
      expect.objectContaining({
        reason: 'REQUEST_INVALID',
        details: { violations: [{ field: 'email', reason: 'EMAIL_INVALID' }] },
      }),
    );
  });
}

test('distinguishes a missing address from a wrong one', () => {
  expect(() => parseEmail('')).toThrowError(DomainError);
  expect(() => parseEmail('')).toThrowError(
    expect.objectContaining({ details: { violations: [{ field: 'email', reason: 'FIELD_REQUIRED' }] } }),
  );
});
