import type { SmsTemplate } from './template.ts';

export const stepUpCodeSmsEn: SmsTemplate = {
  text: 'Your code to change something at {tenant} is {code}. It is good for 10 minutes. Give it to nobody.',
};
