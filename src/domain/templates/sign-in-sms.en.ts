import type { SmsTemplate } from './template.ts';

export const signInSmsEn: SmsTemplate = {
  text: 'Your sign-in code for {tenant} is {code}. It is good for 5 minutes. Give it to nobody.',
};
