import type { SmsTemplate } from './template.ts';

export const twoFactorProofSmsFa: SmsTemplate = {
  text: 'کد راه‌اندازی ورود دومرحله‌ای شما در {tenant}: {code} این کد ۱۰ دقیقه اعتبار دارد.',
};
