import type { Locale } from '../locale.ts';
import type { Message } from '../message.ts';
import type { TenantPolicy } from '../policy.ts';
import { themeOf } from '../theme.ts';
import {
  type EmailName,
  emailTemplates,
  emailWords,
  renderEmail,
  renderSms,
  type SmsName,
  smsTemplates,
  smsWords,
} from './index.ts';
import { withLogo } from './mail-page.ts';

const sample = {
  code: '123456',
  to: 'user@example.com',
  device: 'Firefox on Linux',
  address: '203.0.113.7',
  number: '+989120000000',
};

type PreviewPolicy = Pick<TenantPolicy, 'templates' | 'senders' | 'pages' | 'branding'>;

/** Whether a message has a link, and so a button. */
export function hasLink(name: string): boolean {
  return Object.hasOwn(emailTemplates, name) && emailTemplates[name as EmailName].en.action !== '';
}

/** A message of a tenant as its users get it, with sample values; undefined where there is none of that name. */
export function previewMessage(
  { name: tenant, policy }: { readonly name: string; readonly policy: PreviewPolicy },
  name: string,
  locale: Locale,
): Message | undefined {
  const { templates, senders, pages, branding } = policy;
  const link = `${pages.confirm}?token=sample-token`;
  if (Object.hasOwn(emailTemplates, name)) {
    const words = emailWords(templates, name as EmailName, locale);
    const recipient = { to: sample.to, from: senders.default };
    const variables = { ...sample, tenant, link: hasLink(name) ? link : '' };
    const mail = renderEmail(words, locale, recipient, variables, themeOf(branding));
    return { ...mail, html: withLogo(mail.html, branding.logo) };
  }
  if (!Object.hasOwn(smsTemplates, name)) return undefined;
  const words = smsWords(templates, name as SmsName, locale);
  return renderSms(words, locale, sample.number, { tenant, link, code: sample.code });
}
