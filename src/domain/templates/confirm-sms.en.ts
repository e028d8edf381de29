import type { SmsTemplate } from './template.ts';

export const confirmSmsEn: SmsTemplate = {
  text: 'Your confirmation code for {tenant} is {code}. It is valid for 10 minutes.',
};
