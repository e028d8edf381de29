import type { SmsTemplate } from './template.ts';

export const changeMobileFa: SmsTemplate = {
  text: 'کد شما برای استفاده از این شماره در {tenant}: {code} این کد ۵ دقیقه اعتبار دارد.',
};
