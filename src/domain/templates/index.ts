import type { Locale } from '../locale.ts';
import { accountExistsEn } from './account-exists.en.ts';
import { accountExistsFa } from './account-exists.fa.ts';
import { confirmEmailEn } from './confirm-email.en.ts';
import { confirmEmailFa } from './confirm-email.fa.ts';
import type { Template } from './template.ts';

/** Every message in every language. */
export const templates = {
  'confirm-email': { en: confirmEmailEn, fa: confirmEmailFa },
  'account-exists': { en: accountExistsEn, fa: accountExistsFa },
} as const satisfies Record<string, Record<Locale, Template>>;

export { renderEmail } from './template.ts';
