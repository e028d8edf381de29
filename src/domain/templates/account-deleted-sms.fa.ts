import type { SmsTemplate } from './template.ts';

export const accountDeletedSmsFa: SmsTemplate = {
  text: 'حساب شما در {tenant} حذف شد. اگر شما نبوده‌اید، با {tenant} تماس بگیرید.',
};
