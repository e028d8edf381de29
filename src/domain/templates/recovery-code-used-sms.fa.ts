import type { SmsTemplate } from './template.ts';

export const recoveryCodeUsedSmsFa: SmsTemplate = {
  text: 'یک کد بازیابی حساب شما در {tenant} استفاده شد. اگر شما نبوده‌اید، همین حالا رمز عبور خود را تغییر دهید.',
};
