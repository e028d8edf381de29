import type { SmsTemplate } from './template.ts';

export const twoFactorChangedSmsFa: SmsTemplate = {
  text: 'ورود دومرحله‌ای حساب شما در {tenant} تغییر کرد. اگر شما نبوده‌اید، همین حالا حساب خود را بازیابی کنید.',
};
