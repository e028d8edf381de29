import type { SmsTemplate } from './template.ts';

export const stepUpCodeSmsEn: SmsTemplate = {
  text: 'Your code to change something at {tenant} is {code}. It is valid for 10 minutes. Do not share it.',
};
