import { createHash } from 'node:crypto';
import { escapeHtml } from '../domain/html.ts';
import type { Locale } from '../domain/locale.ts';

/** A page with the policy that fits what is in it. */
export type PlainPage = { readonly html: string; readonly policy: string };

const style = `:root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1.5rem}
h1{font-size:1.4rem;margin:0 0 .75rem}code{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}
p.detail{border-inline-start:3px solid #8884;padding-inline-start:.9rem;color:GrayText}`;

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const bare = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

function page(locale: Locale, title: string, body: string): string {
  return `<!doctype html><html lang="${locale}" dir="${locale === 'fa' ? 'rtl' : 'ltr'}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<link rel="icon" href="data:,"><title>${title}</title><style>${style}</style></head><body>${body}</body></html>`;
}

const words = {
  en: {
    title: 'This sign-in cannot go on',
    text: 'The application that sent you here made a request that cannot be answered. Please go back to it and try again.',
    developer: 'For its developer:',
    going: 'You are being taken back…',
    script: 'Continue',
  },
  fa: {
    title: 'این ورود ادامه نمی‌یابد',
    text: 'برنامه‌ای که شما را به اینجا فرستاد درخواستی داد که پاسخی ندارد. لطفاً به آن برگردید و دوباره تلاش کنید.',
    developer: 'برای توسعه‌دهنده آن:',
    going: 'در حال بازگشت…',
    script: 'ادامه',
  },
} as const satisfies Record<Locale, object>;

/**
 * What a person sees where a request has no application that an answer could go to. The detail is for its developer: it
 * names what is wrong and nothing that is registered.
 */
export function renderProblem(locale: Locale, detail: string): PlainPage {
  const { title, text, developer } = words[locale];
  const more =
    detail === '' ? '' : `<p class="detail" dir="ltr">${developer} <code>${escapeHtml(detail)}</code></p>`;
  return {
    html: page(locale, title, `<main><h1>${title}</h1><p>${text}</p>${more}</main>`),
    policy: `${bare}; style-src ${hashOf(style)}; img-src data:; form-action 'none'`,
  };
}

/** Takes the answer out of the fragment, which no server has seen, and posts it. */
const postScript = `const form=document.forms[0];for(const [name,value] of new URLSearchParams(location.hash.slice(1))){const field=document.createElement('input');field.type='hidden';field.name=name;field.value=value;form.append(field)}history.replaceState(null,'',location.pathname);form.submit()`;

/**
 * The page that posts an answer to its application (OAuth 2.0 Form Post Response Mode, section 2). Its policy names no target of
 * forms: browsers hold every later redirect of the application to it as well.
 */
export function renderFormPost(locale: Locale, redirectUri: string): PlainPage {
  const { going, script } = words[locale];
  const body = `<main><p>${going}</p><form method="post" action="${escapeHtml(redirectUri)}"><noscript><button>${script}</button></noscript></form><script>${postScript}</script></main>`;
  return {
    html: page(locale, going, body),
    policy: `${bare}; style-src ${hashOf(style)}; script-src ${hashOf(postScript)}; img-src data:`,
  };
}
