import type { SmsTemplate } from './template.ts';

export const signInSmsEn: SmsTemplate = {
  text: 'Your sign-in code for {tenant} is {code}. It is valid for 5 minutes. Do not share it.',
};
