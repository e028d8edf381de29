import type { SmsTemplate } from './template.ts';

export const accountExistsSmsFa: SmsTemplate = {
  text: 'کسی کوشیده است با این شماره در {tenant} ثبت‌نام کند، در حالی که از قبل حساب دارد. چیزی تغییر نکرده است.',
};
