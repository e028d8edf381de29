import type { SmsTemplate } from './template.ts';

export const identifierChangedSmsFa: SmsTemplate = {
  text: 'اطلاعات ورود حساب شما در {tenant} تغییر کرد. اگر شما نبوده‌اید، با {tenant} تماس بگیرید.',
};
