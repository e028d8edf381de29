import type { SmsTemplate } from './template.ts';

export const accountLockedSmsFa: SmsTemplate = {
  text: 'کسی چند بار رمز نادرست برای حساب شما در {tenant} وارد کرده است. تلاش‌های بعدی باید صبر کنند.',
};
