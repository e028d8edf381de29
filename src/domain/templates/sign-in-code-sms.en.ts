import type { SmsTemplate } from './template.ts';

export const signInCodeSmsEn: SmsTemplate = {
  text: 'Your code to sign in to {tenant} is {code}. It is valid for 10 minutes. Do not share it.',
};
