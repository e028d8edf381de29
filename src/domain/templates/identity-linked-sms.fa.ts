import type { SmsTemplate } from './template.ts';

export const identityLinkedSmsFa: SmsTemplate = {
  text: 'حساب‌هایی که می‌توان با آن‌ها به حساب شما در {tenant} وارد شد تغییر کرده‌اند. اگر شما نبوده‌اید، همین حالا رمز عبور خود را بازنشانی کنید تا آن حساب‌ها جدا شوند.',
};
