import * as v from 'valibot';
import { locales } from '../locale.ts';
import { emailTemplates, smsTemplates } from './index.ts';
import type { EmailTemplate, SmsTemplate, TemplateOverrides } from './template.ts';

// A tenant's own words are held to what ours are: the same variables, no others, and
// nothing that could break a line or a page.

const maxSubject = 200;
const maxParagraph = 2000;
const maxParagraphs = 20;
/** Ten segments of an SMS in Persian. */
const maxSms = 670;

/** The variables that every message may use, besides those that our words use. */
const common = ['tenant', 'link', 'code'];

function variablesOf(words: readonly string[]): Set<string> {
  return new Set(words.flatMap((text) => [...text.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name ?? '')));
}

function line(max: number, ours: readonly string[]) {
  const known = new Set([...common, ...variablesOf(ours)]);
  const names = [...known].map((name) => `{${name}}`);
  return v.pipe(
    v.string('must be a text'),
    v.check((text) => text.trim() !== '', 'must not be empty'),
    v.maxLength(max, `must have at most ${max} characters`),
    v.check((text) => !/\p{Cc}/u.test(text), 'must be one line'),
    v.check(
      (text) => [...variablesOf([text])].every((name) => known.has(name)),
      `may use ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`,
    ),
  );
}

/** Holds words to what ours speak of, besides the tenant: without its code a message is of no use. */
function speaksOf<T>(ours: readonly string[], wordsOf: (own: T) => readonly string[]) {
  const needed = [...variablesOf(ours)].filter((name) => name !== 'tenant');
  return v.check<T, string>(
    (own) => needed.every((name) => variablesOf(wordsOf(own)).has(name)),
    `must speak of ${needed.map((name) => `{${name}}`).join(', ')}`,
  );
}

/** Messages that had no link at first: a tenant's words from then show it without a button. */
const mayLackButton: ReadonlySet<string> = new Set(['password-changed', 'identifier-changed']);

function emailSchema(
  name: string,
  { subject, paragraphs, action }: EmailTemplate,
): v.GenericSchema<unknown, EmailTemplate> {
  const ours = [subject, ...paragraphs];
  return v.pipe(
    v.strictObject(
      {
        // Subjects are shown where others can read them.
        subject: v.pipe(
          line(maxSubject, ours),
          v.check((text) => !/\{(?:code|link)\}/.test(text), 'must not hold the code or the link'),
        ),
        paragraphs: v.pipe(
          v.array(line(maxParagraph, ours), 'must be a list of texts'),
          v.minLength(1, 'must have a paragraph'),
          v.maxLength(maxParagraphs, `must have at most ${maxParagraphs} paragraphs`),
        ),
        action: v.pipe(
          v.string('must be a text'),
          v.check(
            (text) => (text === '') === (action === '') || (text === '' && mayLackButton.has(name)),
            action === ''
              ? 'must be empty, because there is no link'
              : 'must say what the button of the link does',
          ),
          v.maxLength(100, 'must have at most 100 characters'),
          v.check((text) => text === '' || text.trim() !== '', 'must not be empty'),
          v.check((text) => !/[\p{Cc}{}]/u.test(text), 'must be one line, without variables'),
        ),
      },
      'must be an object with subject, paragraphs and action',
    ),
    speaksOf(ours, (own) => [own.subject, ...own.paragraphs]),
  );
}

function smsSchema({ text }: SmsTemplate): v.GenericSchema<unknown, SmsTemplate> {
  return v.pipe(
    v.strictObject({ text: line(maxSms, [text]) }, 'must be an object with text'),
    speaksOf([text], (own) => [own.text]),
  );
}

/** Each message in each language, each of them optional. */
function perLocale<T>(schemaOf: (locale: (typeof locales)[number]) => v.GenericSchema<unknown, T>) {
  return v.optional(
    v.strictObject(
      Object.fromEntries(locales.map((locale) => [locale, v.optional(schemaOf(locale))])),
      `must be an object with ${locales.join(', ')}`,
    ),
  );
}

/** The schema of `templates` in a policy. */
export const templatesSchema = v.strictObject(
  {
    ...Object.fromEntries(
      Object.entries(emailTemplates).map(([name, own]) => [
        name,
        perLocale((locale) => emailSchema(name, own[locale])),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(smsTemplates).map(([name, own]) => [
        name,
        perLocale((locale) => smsSchema(own[locale])),
      ]),
    ),
  },
  'must be an object',
) as unknown as v.GenericSchema<unknown, TemplateOverrides>;
