import type { SmsTemplate } from './template.ts';

export const resetCancelSmsFa: SmsTemplate = {
  text: 'کسی خواسته است مرحلهٔ دوم ورود حساب شما در {tenant} حذف شود. اگر شما نبوده‌اید: {link}',
};
