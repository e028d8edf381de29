import type { SmsTemplate } from './template.ts';

export const undoChangeSmsFa: SmsTemplate = {
  text: 'اطلاعات ورود حساب شما در {tenant} تغییر کرد. اگر شما نبوده‌اید: {link}',
};
