import type { SmsTemplate } from './template.ts';

export const undoRequestedSmsFa: SmsTemplate = {
  text: 'کسی خواسته است تغییرهای اخیر حساب شما در {tenant} برگردانده شود. اگر آن‌ها را شما داده‌اید: {link}',
};
