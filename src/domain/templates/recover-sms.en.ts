import type { SmsTemplate } from './template.ts';

export const recoverSmsEn: SmsTemplate = {
  text: 'Your code for a new password at {tenant} is {code}. It is valid for 10 minutes. If you did not ask for it, ignore it.',
};
