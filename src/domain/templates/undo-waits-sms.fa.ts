import type { SmsTemplate } from './template.ts';

export const undoWaitsSmsFa: SmsTemplate = {
  text: 'پس از پایان زمان انتظار، با این پیوند تغییرهای حسابتان در {tenant} را برگردانید: {link}',
};
