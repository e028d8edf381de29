import { mkdirSync } from 'node:fs';
import { escapeHtml } from '../../src/domain/html.ts';
import { locales } from '../../src/domain/locale.ts';
import { emailTemplates, renderEmail, renderSms, smsTemplates } from '../../src/domain/templates/index.ts';
import { defaultBranding, themeOf } from '../../src/domain/theme.ts';
import { launchBrowser } from './browser.ts';

// Renders every message in every language to a PNG, for people to look at.

const folder = new URL('../../screens/messages/', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });

const names = { en: 'Acme', fa: 'فروشگاه نمونه' } as const;
const link = 'https://tenant.com/confirm?cnf=AZOMXgAAcACAAAEjRWeJqwc8Yk0sQ4m1aX2u8Zt5Vh3bPq9LrTn6WdEoIyKfGs';

function bubble(text: string, locale: string): string {
  const direction = locale === 'fa' ? 'rtl' : 'ltr';
  return `<!doctype html><html lang="${locale}" dir="${direction}"><meta charset="utf-8"><body style="font:17px/1.6 system-ui,sans-serif;margin:16px;background:#fff"><p style="max-width:300px;background:#e9e9eb;border-radius:18px;padding:10px 14px;margin:0">${escapeHtml(text)}</p></body></html>`;
}

const pages: { name: string; html: string }[] = [];
for (const locale of locales) {
  const tenant = names[locale];
  for (const [name, words] of Object.entries(emailTemplates)) {
    const variables = { tenant, link: words[locale].action === '' ? '' : link, code: '' };
    const recipient = { to: 'sara@example.com', from: 'info@tenant.com' };
    pages.push({
      name: `${name}.${locale}`,
      html: renderEmail(words[locale], locale, recipient, variables, themeOf(defaultBranding)).html,
    });
  }
  for (const [name, words] of Object.entries(smsTemplates)) {
    const { text } = renderSms(words[locale], locale, '+989120000000', { tenant, link: '', code: '483920' });
    pages.push({ name: `${name}.${locale}`, html: bubble(text, locale) });
  }
}

const browser = await launchBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 390, height: 300 }, deviceScaleFactor: 2 });
  for (const { name, html } of pages) {
    await page.setContent(html);
    await page.screenshot({ path: `${folder}${name}.png`, fullPage: true });
  }
  const sheet = pages
    .map(
      ({ name, html }) =>
        `<figure><figcaption>${name}</figcaption><iframe srcdoc="${escapeHtml(html)}"></iframe></figure>`,
    )
    .join('');
  await page.setViewportSize({ width: 1600, height: 900 });
  await page.setContent(
    `<style>body{display:flex;flex-wrap:wrap;gap:8px;font:12px sans-serif;background:#ddd}figure{margin:0}iframe{width:380px;height:520px;border:0;background:#fff}</style>${sheet}`,
  );
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${folder}all.png`, fullPage: true, scale: 'css' });
} finally {
  await browser.close();
}
process.stdout.write(`${pages.length} messages are in ${folder}\n`);
