import type { SmsTemplate } from './template.ts';

export const resetRequestedSmsEn: SmsTemplate = {
  text: 'Someone asked to remove the second step of your account at {tenant}. If it was not you, open the link in our e-mail.',
};
