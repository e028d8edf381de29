import type { SmsTemplate } from './template.ts';

export const confirmSmsFa: SmsTemplate = {
  text: 'کد تأیید شما برای {tenant}: {code} این کد ۱۰ دقیقه اعتبار دارد.',
};
