import { escapeHtml } from '../html.ts';
import type { Locale } from '../locale.ts';
import type { Message } from '../message.ts';
import type { Theme } from '../theme.ts';

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
  /** The network address that it came from. */
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
      ? ' dir="ltr" style="font-size:32px;letter-spacing:6px;font-family:monospace;text-align:center"'
      : '';
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
  const paragraphs = template.paragraphs.map((words) => fill(words, variables));
  const direction = locale === 'fa' ? 'rtl' : 'ltr';
  const action =
    variables.link === '' || template.action === ''
      ? ''
      : `<p><a href="${escapeHtml(variables.link)}" style="display:inline-block;padding:12px 20px;border-radius:${theme.radius}px;background:${theme.accent};color:${theme.onAccent};text-decoration:none">${escapeHtml(template.action)}</a></p>`;
  const link =
    variables.link === ''
      ? ''
      : `<p dir="ltr" style="font-size:12px;color:#555;word-break:break-all">${escapeHtml(variables.link)}</p>`;
  const body = template.paragraphs
    .map((words, index) => paragraphOf(words, paragraphs[index] ?? ''))
    .join('');
  return {
    channel: 'email',
    ...recipient,
    locale,
    subject: singleLine(fill(template.subject, variables)),
    text: [...paragraphs, variables.link].filter((line) => line !== '').join('\n\n'),
    html: `<!doctype html><html lang="${locale}" dir="${direction}"><head><meta charset="utf-8"></head><body style="font-family:${escapeHtml(theme.font)};font-size:16px;line-height:1.6;max-width:560px;margin:24px auto;padding:0 16px">${body}${action}${link}</body></html>`,
    code: variables.code,
    link: variables.link,
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
