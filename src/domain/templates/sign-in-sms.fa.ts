import type { SmsTemplate } from './template.ts';

export const signInSmsFa: SmsTemplate = {
  text: 'کد ورود شما به {tenant}: {code} این کد ۵ دقیقه اعتبار دارد. آن را به هیچ‌کس ندهید.',
};
