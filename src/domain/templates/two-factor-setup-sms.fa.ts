import type { SmsTemplate } from './template.ts';

export const twoFactorSetupSmsFa: SmsTemplate = {
  text: 'کد شما برای استفاده از این شماره در ورود دومرحله‌ای {tenant}: {code} این کد ۵ دقیقه اعتبار دارد.',
};
