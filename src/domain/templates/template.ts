import { escapeHtml } from '../html.ts';
import type { Locale } from '../locale.ts';
import type { Message } from '../message.ts';
import type { Theme } from '../theme.ts';
import { mailLink, mailPage } from './mail-page.ts';

/** The texts of an e-mail in one language; `{name}` is a variable. */
export type EmailTemplate = {
  readonly subject: string;
  /** One string a paragraph. */
  readonly paragraphs: readonly string[];
  /** The label of the link's button; empty where there is no link. */
  readonly action: string;
};

/** The words of an SMS in one language. */
export type SmsTemplate = { readonly text: string };

/** Other words for some messages in some languages. */
export type TemplateOverrides = Readonly<
  Record<string, Readonly<Partial<Record<Locale, EmailTemplate | SmsTemplate>>>>
>;

/** The variables of a template. */
export type TemplateVariables = {
  /** The tenant's name. */
  readonly tenant: string;
  /** The full link; empty where there is none. */
  readonly link: string;
  /** The one-time code or token; empty where there is none. */
  readonly code: string;
  /** The device that a notice is about, in words. Default: it is about none. */
  readonly device?: string;
  /** The network address that it came from, or the host that it is about. */
  readonly address?: string;
};

function fill(words: string, variables: TemplateVariables): string {
  return words.replace(
    /\{(tenant|link|code|device|address)\}/g,
    (_, name: keyof TemplateVariables) => variables[name] ?? '',
  );
}

/** A header is one line, whatever a variable holds. */
function singleLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

/** A paragraph in HTML; one that is nothing but the code is shown large, to be typed off. */
function paragraphOf(words: string, filled: string): string {
  const style =
    words === '{code}'
      ? ' dir="ltr" style="margin:20px 0;font-size:32px;letter-spacing:6px;font-family:monospace;text-align:center"'
      : ' style="margin:12px 0"';
  return `<p${style}>${escapeHtml(filled)}</p>`;
}

/** Renders an e-mail; every variable is escaped on its way into the HTML. */
export function renderEmail(
  template: EmailTemplate,
  locale: Locale,
  recipient: { readonly to: string; readonly from: string },
  variables: TemplateVariables,
  theme: Theme,
): Message {
  const { link, code, tenant } = variables;
  const paragraphs = template.paragraphs.map((words) => fill(words, variables));
  const subject = singleLine(fill(template.subject, variables));
  const body = template.paragraphs
    .map((words, index) => paragraphOf(words, paragraphs[index] ?? ''))
    .join('');
  // Lists of mails are read over shoulders: no code, and no link.
  const spoken = template.paragraphs.findIndex((words) => !/\{(?:code|link)\}/.test(words));
  return {
    channel: 'email',
    ...recipient,
    locale,
    subject,
    text: [...paragraphs, link].filter((line) => line !== '').join('\n\n'),
    html: mailPage({
      locale,
      subject,
      tenant,
      preheader: paragraphs[spoken] ?? '',
      body: link === '' ? body : body + mailLink(template.action, link, theme),
      theme,
    }),
    code,
    link,
  };
}

/** Renders an SMS. */
export function renderSms(
  template: SmsTemplate,
  locale: Locale,
  to: string,
  variables: TemplateVariables,
): Message {
  const text = singleLine(fill(template.text, variables));
  return {
    channel: 'sms',
    to,
    from: '',
    locale,
    subject: '',
    text,
    html: '',
    code: variables.code,
    link: variables.link,
  };
}
