import type { EmailTemplate } from './template.ts';

export const accountExistsFa: EmailTemplate = {
  subject: 'شما از قبل در {tenant} حساب دارید',
  paragraphs: [
    'کسی کوشیده است با این نشانی در {tenant} ثبت‌نام کند، در حالی که این نشانی از قبل حساب دارد. چیزی تغییر نکرده است.',
    'اگر شما بودید، با رمز عبور خود وارد شوید یا رمز تازه‌ای بخواهید. اگر شما نبودید، لازم نیست کاری انجام دهید.',
  ],
  action: '',
};
