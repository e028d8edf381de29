import { escapeHtml } from '../html.ts';
import type { Locale } from '../locale.ts';
import type { Theme } from '../theme.ts';

// The page around the words of an e-mail. Programs that read mail know tables and styles in attributes for certain; what
// only some of them know, such as dark mode, stands in the head and is no loss to the others.

/** The address of the logo in a mail: it comes with the mail, because readers block images of elsewhere. */
export const logoAddress = 'cid:logo';

export type MailPage = {
  readonly locale: Locale;
  readonly subject: string;
  /** The tenant's name. */
  readonly tenant: string;
  /** The line that mail programs show beside the subject. */
  readonly preheader: string;
  /** HTML that is escaped already. */
  readonly body: string;
  readonly theme: Theme;
};

const dark = `@media (prefers-color-scheme:dark){.ground{background:#121514!important}.sheet{background:#1b1f1e!important;border-right-color:#38403e!important;border-bottom-color:#38403e!important;border-left-color:#38403e!important}.ink{color:#e8eceb!important}.faint,.faint a{color:#a3aeab!important}.line{border-color:#38403e!important}}`;

/** Room after the preheader, so that no reader fills the line with the words below it. */
const filler = '&#847;&zwnj;&nbsp;'.repeat(40);

function logoOf({ logo }: Theme): string {
  if (logo === '') return '';
  const style = 'height:32px;max-width:160px;vertical-align:middle;border:0;margin-inline-end:12px';
  return `<img src="${logoAddress}" alt="" height="32" style="${style}">`;
}

/** A whole page in HTML. */
export function mailPage({ locale, subject, tenant, preheader, body, theme }: MailPage): string {
  const direction = locale === 'fa' ? 'rtl' : 'ltr';
  const font = escapeHtml(theme.font);
  const corner = Math.round(theme.radius * 1.5);
  const name = escapeHtml(tenant);
  return `<!doctype html><html lang="${locale}" dir="${direction}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark"><title>${escapeHtml(subject)}</title><style>${dark}</style></head><body class="ground" style="margin:0;padding:0;background:${theme.background}"><div style="display:none;max-height:0;overflow:hidden">${escapeHtml(preheader)}${filler}</div><table role="presentation" class="ground" width="100%" cellpadding="0" cellspacing="0" style="background:${theme.background}"><tr><td align="center" style="padding:24px 12px"><table role="presentation" class="sheet" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px;background:#ffffff;border:1px solid #d5dbd9;border-radius:${corner}px;border-top:4px solid ${theme.accent}"><tr><td class="ink line" dir="${direction}" style="padding:20px 28px 16px;border-bottom:1px solid #e6eae9;font-family:${font};font-size:17px;font-weight:600;color:#17201e">${logoOf(theme)}${name}</td></tr><tr><td class="ink" dir="${direction}" style="padding:12px 28px 24px;font-family:${font};font-size:16px;line-height:1.65;color:#17201e">${body}</td></tr></table></td></tr></table></body></html>`;
}

/** The button of a link, and the address for those whose reader shows no buttons. */
export function mailLink(action: string, link: string, { accent, onAccent, radius }: Theme): string {
  const address = escapeHtml(link);
  const button =
    action === ''
      ? ''
      : `<p style="margin:20px 0"><a href="${address}" style="display:inline-block;padding:12px 22px;border-radius:${radius}px;background:${accent};color:${onAccent};font-weight:600;text-decoration:none">${escapeHtml(action)}</a></p>`;
  return `${button}<p class="faint" dir="ltr" style="margin:16px 0 0;font-size:12px;line-height:1.5;color:#55605d;word-break:break-all">${address}</p>`;
}

/** The page with its logo in place, for where there is no mail around it; without one the image goes. */
export function withLogo(html: string, logo: string): string {
  return logo === ''
    ? html.replace(/<img src="cid:logo"[^>]*>/, '')
    : html.replace(`<img src="${logoAddress}"`, `<img src="${escapeHtml(logo)}"`);
}
