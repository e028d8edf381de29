import type { SmsTemplate } from './template.ts';

export const twoFactorChangedSmsEn: SmsTemplate = {
  text: 'Two-factor sign-in of your account at {tenant} has changed. If it was not you, recover your account at once.',
};
