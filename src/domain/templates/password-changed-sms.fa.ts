import type { SmsTemplate } from './template.ts';

export const passwordChangedSmsFa: SmsTemplate = {
  text: 'رمز عبور حساب شما در {tenant} تغییر کرد. اگر شما نبوده‌اید، همین حالا حساب خود را بازیابی کنید.',
};
