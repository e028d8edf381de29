import { expect, test } from 'vitest';
import { DomainError } from '../../src/domain/errors.ts';
import { defaultPolicy, patchPolicy } from '../../src/domain/tenant-policy.ts';

const defaults = defaultPolicy('https://id.example.com', 'acme');
const current = patchPolicy(defaults, { senders: { default: 'info@acme.com' } }, defaults);

function refusalOf(templates: unknown): string[] {
  try {
    patchPolicy(current, { templates }, defaults);
    return [];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return (error.details.violations ?? []).map(
      ({ field, reason, description }) =>
        `${field.replace('policy.templates.', '')} ${description ?? reason}`,
    );
  }
}

const email = { subject: 'Hello', paragraphs: ['Welcome.'], action: 'Go' };

test('whole overrides are taken', () => {
  expect(
    refusalOf({ 'confirm-email': { en: email, fa: email }, 'confirm-sms': { fa: { text: '{code}' } } }),
  ).toEqual([]);
});

const bad: [what: string, templates: unknown, refusal: string[]][] = [
  ['a message that does not exist', { 'confirm-fax': {} }, ['confirm-fax FIELD_UNKNOWN']],
  ['a language that does not exist', { recover: { de: email } }, ['recover.de FIELD_UNKNOWN']],
  [
    'a field that does not exist',
    { recover: { en: { ...email, html: '<b>' } } },
    ['recover.en.html FIELD_UNKNOWN'],
  ],
  [
    'a subject of two lines',
    { recover: { en: { ...email, subject: 'a\nBcc: x@y.z' } } },
    ['recover.en.subject must be one line'],
  ],
  [
    'an unknown variable',
    { recover: { en: { ...email, subject: '{password}' } } },
    ['recover.en.subject may use {tenant}, {link} and {code}'],
  ],
  [
    'an SMS without its code',
    { 'confirm-sms': { en: { text: 'Welcome to {tenant}' } } },
    ['confirm-sms.en must speak of {code}'],
  ],
  [
    'a link without a button',
    { recover: { en: { ...email, action: '' } } },
    ['recover.en.action must say what the button of the link does'],
  ],
  [
    'a button without a link',
    { 'account-exists': { en: email } },
    ['account-exists.en.action must be empty, because there is no link'],
  ],
  [
    'no paragraph',
    { recover: { en: { ...email, paragraphs: [] } } },
    ['recover.en.paragraphs must have a paragraph'],
  ],
  [
    'an empty text',
    { recover: { en: { ...email, paragraphs: [' '] } } },
    ['recover.en.paragraphs.0 must not be empty'],
  ],
  [
    'a novel',
    { 'account-deleted-sms': { en: { text: 'x'.repeat(671) } } },
    ['account-deleted-sms.en.text must have at most 670 characters'],
  ],
];
for (const [what, templates, refusal] of bad) {
  test(`${what} is rejected with its path`, () => {
    expect(refusalOf(templates)).toEqual(refusal);
  });
}

test('a daily budget needs the price of every country', () => {
  expect(() =>
    patchPolicy(current, { countries: ['IR', 'DE'], sms: { dailyBudget: 100, prices: { IR: 1 } } }, defaults),
  ).toThrowError('REQUEST_INVALID');
  const { sms } = patchPolicy(current, { sms: { dailyBudget: 100, prices: { IR: 1 } } }, defaults);
  expect(sms).toEqual({ dailyMessages: 1000, dailyBudget: 100, prices: { IR: 1 } });
});
