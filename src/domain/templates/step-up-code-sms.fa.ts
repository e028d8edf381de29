import type { SmsTemplate } from './template.ts';

export const stepUpCodeSmsFa: SmsTemplate = {
  text: 'کد شما برای تغییر در {tenant}: {code} این کد ۱۰ دقیقه اعتبار دارد. آن را به هیچ‌کس ندهید.',
};
