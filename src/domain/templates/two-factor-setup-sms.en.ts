import type { SmsTemplate } from './template.ts';

export const twoFactorSetupSmsEn: SmsTemplate = {
  text: 'Your code to use this number for two-factor sign-in at {tenant} is {code}. It is valid for 5 minutes.',
};
