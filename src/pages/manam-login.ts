import { readFileSync } from 'node:fs';
import { escapeHtml } from '../domain/html.ts';
import type { Locale } from '../domain/locale.ts';

/** Where the hosted sign-in of Manam stands, and what it loads. */
export const manamLoginPage = '/manamlogin/sign-in';
const scriptPath = '/manamlogin/app.js';
const stylePath = '/manamlogin/app.css';

const read = (name: string) => readFileSync(new URL(`./manam-login/${name}`, import.meta.url), 'utf8');

export const manamLoginAssets: ReadonlyMap<string, { readonly type: string; readonly body: string }> =
  new Map([
    [scriptPath, { type: 'text/javascript; charset=utf-8', body: read('app.js') }],
    [stylePath, { type: 'text/css; charset=utf-8', body: read('app.css') }],
  ]);

const words = {
  en: {
    title: 'Sign in with Manam',
    identifier: 'E-mail address or mobile number',
    password: 'Password',
    signIn: 'Sign in',
    code: 'Code',
    codeHint: 'The code of your authenticator app, the one we sent you by SMS, or a recovery code.',
    proceed: 'Continue',
    consent: '{tenant} would like to know who you are.',
    learns: 'It learns your name and this address:',
    learnsNumber: 'It learns your name and your mobile number.',
    allow: 'Allow',
    deny: 'Do not allow',
    expired: 'This sign-in is not valid any more. Go back to where you came from and begin again.',
    failed: 'The service cannot be reached. Check your connection and try again.',
  },
  fa: {
    title: 'ورود با مانام',
    identifier: 'ایمیل یا شماره موبایل',
    password: 'رمز عبور',
    signIn: 'ورود',
    code: 'کد',
    codeHint: 'کد برنامه تأیید هویت، کدی که پیامک کرده‌ایم، یا یک کد بازیابی.',
    proceed: 'ادامه',
    consent: '{tenant} می‌خواهد بداند شما که هستید.',
    learns: 'نام شما و این نشانی به او گفته می‌شود:',
    learnsNumber: 'نام و شماره موبایل شما به او گفته می‌شود.',
    allow: 'اجازه می‌دهم',
    deny: 'اجازه نمی‌دهم',
    expired: 'این ورود دیگر معتبر نیست. به صفحه‌ای که از آن آمده‌اید برگردید و دوباره آغاز کنید.',
    failed: 'سرویس در دسترس نیست. اتصال خود را بررسی کنید و دوباره تلاش کنید.',
  },
} as const satisfies Record<Locale, Record<string, string>>;

/** The page: three steps, of which the script shows one at a time. */
export function renderManamLogin(locale: Locale, key: string): string {
  const text = words[locale];
  const direction = locale === 'fa' ? 'rtl' : 'ltr';
  return `<!doctype html><html lang="${locale}" dir="${direction}"><head><meta charset="utf-8"><title>${text.title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="manam-key" content="${escapeHtml(key)}">
<meta name="manam-words" content="${escapeHtml(JSON.stringify(text))}">
<link rel="stylesheet" href="${stylePath}"><script src="${scriptPath}" type="module"></script></head><body><main>
<h1>${text.title}</h1><p id="problem" role="alert" hidden></p>
<form id="password-step"><label for="identifier">${text.identifier}</label>
<input id="identifier" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" dir="ltr" required>
<label for="password">${text.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" dir="ltr" required>
<button>${text.signIn}</button></form>
<form id="code-step" hidden><p id="sent-to" dir="ltr" hidden></p><label for="code">${text.code}</label>
<input id="code" name="code" autocomplete="one-time-code" inputmode="text" dir="ltr" aria-describedby="code-hint" required>
<p id="code-hint">${text.codeHint}</p><button>${text.proceed}</button></form>
<form id="consent-step" hidden><p id="question"></p><p id="learns"></p><p id="who" dir="auto"></p>
<button>${text.allow}</button><button type="button" id="deny" class="quiet">${text.deny}</button></form>
</main></body></html>`;
}
