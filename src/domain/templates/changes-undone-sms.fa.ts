import type { SmsTemplate } from './template.ts';

export const changesUndoneSmsFa: SmsTemplate = {
  text: 'آخرین تغییرات حساب شما در {tenant} برگردانده شد. اگر شما نبوده‌اید، همین حالا حساب خود را بازیابی کنید.',
};
