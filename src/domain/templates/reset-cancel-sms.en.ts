import type { SmsTemplate } from './template.ts';

export const resetCancelSmsEn: SmsTemplate = {
  text: 'Someone asked to remove the second step of your account at {tenant}. If it was not you: {link}',
};
