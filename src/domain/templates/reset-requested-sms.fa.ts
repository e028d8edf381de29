import type { SmsTemplate } from './template.ts';

export const resetRequestedSmsFa: SmsTemplate = {
  text: 'کسی خواسته است مرحلهٔ دوم ورود حساب شما در {tenant} حذف شود. اگر شما نبوده‌اید، پیوند ایمیل ما را باز کنید.',
};
