import type { SmsTemplate } from './template.ts';

export const changeMobileEn: SmsTemplate = {
  text: 'Your code to use this number at {tenant} is {code}. It is valid for 5 minutes.',
};
