import type { SmsTemplate } from './template.ts';

export const signInCodeSmsFa: SmsTemplate = {
  text: 'کد ورود شما به {tenant}: {code}. ۱۰ دقیقه اعتبار دارد. آن را به کسی نگویید.',
};
