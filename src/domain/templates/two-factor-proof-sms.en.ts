import type { SmsTemplate } from './template.ts';

export const twoFactorProofSmsEn: SmsTemplate = {
  text: 'Your code to set up two-factor sign-in at {tenant} is {code}. It is valid for 10 minutes.',
};
